/* SPDX-License-Identifier: MIT */
#include "tests/support/ring_box.h"

#include "common/ring/ring_format.h"

#include "tests/support/cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX 65536

void ring_box_init(struct ring_box *box)
{
    (void)snprintf(box->dir, sizeof box->dir, "/tmp/weir-ring-XXXXXX");
    assert_non_null(mkdtemp(box->dir));
    box->params = (struct ring_params){.dir = box->dir,
                                       .source = "box",
                                       .capacity_records = 100,
                                       .capacity_bytes = 8192,
                                       .max_message_bytes = 16384,
                                       .soft_threshold = 1};
}

void ring_box_done(struct ring_box *box)
{
    char paths[64][PATH_MAX];
    const size_t n = ring_box_list(box, "", paths, 64);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(unlink(paths[i]), 0);
    assert_int_equal(rmdir(box->dir), 0);
}

struct ingest_buffer *ring_box_open(struct ring_box *box)
{
    struct err err = {.text = ""};
    struct ingest_buffer *ring = NULL;
    const enum status status = ingest_buffer_open(&box->params, &ring, &err);
    if (status != STATUS_OK)
        fail_msg("open: %s: %s", err.what, err.text);
    return ring;
}

static wall_us created_of(const char *path)
{
    struct ring_static fixed = {.created = 0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    const ssize_t n = read(fd, &fixed, sizeof fixed);
    assert_int_equal(close(fd), 0);
    return n == (ssize_t)sizeof fixed ? fixed.created : 0;
}

static int by_created(const void *a, const void *b)
{
    const wall_us x = created_of(a);
    const wall_us y = created_of(b);
    return x < y ? -1 : x > y;
}

size_t ring_box_list(const struct ring_box *box, const char *part, char (*out)[PATH_MAX],
                     size_t cap)
{
    DIR *const dir = opendir(box->dir);
    assert_non_null(dir);
    size_t n = 0;
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] == '.' || strstr(e->d_name, part) == NULL)
            continue;
        assert_true(n < cap);
        (void)snprintf(out[n++], PATH_MAX, "%s/%s", box->dir, e->d_name);
    }
    assert_int_equal(closedir(dir), 0);
    qsort(out, n, sizeof out[0], by_created);
    return n;
}

struct ring_reader *ring_box_read(const char *path)
{
    struct err err = {.text = ""};
    struct ring_reader *reader = NULL;
    if (ring_reader_open(path, &reader, &err) != STATUS_OK)
        fail_msg("read: %s: %s", err.what, err.text);
    return reader;
}

static size_t fill(uint64_t n, char topic[static 32], uint8_t *payload, size_t bytes)
{
    memset(payload, (int)(n % 251), bytes);
    memcpy(payload, &n, sizeof n);
    return (size_t)snprintf(topic, 32, "t/%llu", (unsigned long long)n);
}

enum outcome ring_box_push(struct ingest_buffer *ring, uint64_t n, uint32_t bytes, uint32_t flags)
{
    char topic[32];
    uint8_t payload[BODY_MAX];
    const size_t topic_len = fill(n, topic, payload, bytes);
    return ingest_buffer_push(ring, &(struct ring_message){.topic = topic,
                                                           .payload = payload,
                                                           .topic_len = (uint32_t)topic_len,
                                                           .payload_len = bytes,
                                                           .flags = flags,
                                                           .receipt = (wall_us)n + 1000});
}

void ring_box_check(const struct ring_message *message, uint64_t n)
{
    char topic[32];
    uint8_t payload[BODY_MAX];
    assert_true(message->payload_len >= sizeof n && message->payload_len <= BODY_MAX);
    const size_t topic_len = fill(n, topic, payload, message->payload_len);
    assert_int_equal(message->topic_len, topic_len);
    assert_memory_equal(message->topic, topic, topic_len);
    assert_memory_equal(message->payload, payload, message->payload_len);
    assert_int_equal(message->receipt, (wall_us)n + 1000);
}

void ring_box_poke(const char *path, uint64_t at, const void *bytes, size_t len)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, (off_t)at), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

void ring_box_peek(const char *path, void *out, size_t len)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, out, len, 0), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

static struct ring_static read_static(const char *path)
{
    struct ring_static fixed;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &fixed, sizeof fixed, 0), (ssize_t)sizeof fixed);
    assert_int_equal(close(fd), 0);
    return fixed;
}

void ring_box_age(const char *path)
{
    struct ring_static fixed = read_static(path);
    (void)snprintf(fixed.boot_id, sizeof fixed.boot_id, "another-boot");
    ring_static_sign(&fixed);
    ring_box_poke(path, 0, &fixed, sizeof fixed);
}

void ring_box_version(const char *path, uint32_t version)
{
    struct ring_static fixed = read_static(path);
    fixed.version = version;
    ring_static_sign(&fixed);
    ring_box_poke(path, 0, &fixed, sizeof fixed);
}

void ring_box_check_tuple(const struct receiver_tuple *tuple)
{
    uint64_t ended = tuple->appended;
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        ended += tuple->outcomes[i];
    assert_int_equal(tuple->received, ended);
}
