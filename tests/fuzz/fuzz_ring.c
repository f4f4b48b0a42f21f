/* SPDX-License-Identifier: MIT
 *
 * Arbitrary bytes as a ring file: open, seek, read everything, strike, free - never a crash, never
 * for ever. The first 32 bytes are a cursor and two switches; the rest is the file, of 4096 bytes
 * and more (-max_len). With the switches on, the static header and the records are signed first, or
 * the crcs would keep the fuzzer out of everything behind them. */
#include "common/base/crc32c.h"
#include "common/ring/ring_format.h"
#include "common/ring/ring_names.h"
#include "common/ring/ring_reader.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PREFIX       32 /* a cursor, and two bytes that say what is made plausible */
#define CAPACITY_MAX (1u << 20)
#define FILE_MAX     (RING_HEADER_BYTES + CAPACITY_MAX)

static void make_plausible(struct ring_static *fixed)
{
    memcpy(fixed->magic, RING_MAGIC, sizeof fixed->magic);
    fixed->version = RING_VERSION;
    fixed->header_bytes = RING_HEADER_BYTES;
    memset(fixed->source, 0, sizeof fixed->source);
    fixed->source[0] = 'f';
    fixed->capacity_records = fixed->capacity_records % RING_CAPACITY_RECORDS_MAX + 1;
    fixed->capacity_bytes = (fixed->capacity_bytes % 8 + 1) * RING_HEADER_BYTES;
    fixed->first_number %= 16;
    fixed->boot_id[sizeof fixed->boot_id - 1] = '\0';
    ring_static_sign(fixed);
}

/* Every record whose lengths fit gets the crc of what stands there. */
static void sign_records(uint8_t *file, size_t len, const struct ring_static *fixed)
{
    const uint32_t seed = crc32c(0, fixed->uuid, sizeof fixed->uuid);
    struct ring_record_header header;
    for (size_t at = RING_HEADER_BYTES; at + sizeof header <= len;) {
        memcpy(&header, file + at, sizeof header);
        const size_t body = (size_t)header.topic_len + header.payload_len;
        if (header.length > len - at || header.length % RING_RECORD_ALIGN != 0 ||
            header.length < sizeof header || body > header.length - sizeof header) {
            at += RING_RECORD_ALIGN;
            continue;
        }
        header.crc =
            crc32c(seed, file + at + sizeof header.crc, sizeof header - sizeof header.crc + body);
        memcpy(file + at, &header.crc, sizeof header.crc);
        at += header.length;
    }
}

static void fail(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static void read_everything(struct ring_reader *reader, const struct ring_cursor *cursor)
{
    uint64_t lost;
    uint64_t forgotten;
    uint64_t bytes;
    uint32_t sum = 0;
    struct ring_record record;
    ring_reader_seek(reader, cursor, &lost, &forgotten);
    ring_reader_strike_inflight(reader);
    struct ring_cursor start;
    ring_reader_position(reader, &start);
    for (size_t n = 0;; n++) {
        const enum status status = ring_reader_next(reader, &record);
        if (status != STATUS_OK && record.gap == 0)
            break;
        if (n > FILE_MAX / sizeof(struct ring_record_header) + 1)
            fail("more records than fit");
        for (uint32_t i = 0; i < record.message.topic_len; i++)
            sum += (uint8_t)record.message.topic[i];
        for (uint32_t i = 0; i < record.message.payload_len; i++)
            sum += record.message.payload[i];
        ring_reader_mark_inflight(reader, &record.at);
    }
    ring_reader_backlog(reader, &lost, &bytes);
    if (lost != 0)
        fail("read to the end and a backlog");
    ring_reader_rewind(reader, &start);
    IGNORE(ring_reader_next(reader, &record), "any answer is fine, a crash is not");
    ring_reader_position(reader, &start);
    ring_reader_free(reader, &start);
    static volatile uint32_t sink; /* keeps the reads */
    sink = sum;
    (void)sink;
}

static bool write_file(const char *path, const void *bytes, size_t len)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    const bool ok = write(fd, bytes, len) == (ssize_t)len;
    return close(fd) == 0 && ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[FILE_MAX];
    static char dir[] = "/tmp/weir-fuzz-ring-XXXXXX";
    static bool made;
    if (!made && mkdtemp(dir) == NULL)
        fail("no folder");
    made = true;
    if (size < PREFIX + sizeof(struct ring_static) || size - PREFIX > sizeof file)
        return 0;
    struct ring_cursor cursor;
    struct ring_static fixed;
    memcpy(&cursor, data, sizeof cursor);
    const size_t len = size - PREFIX;
    memcpy(file, data + PREFIX, len);
    memcpy(&fixed, file, sizeof fixed);
    if (data[PREFIX - 1] % 4 != 0)
        make_plausible(&fixed);
    memcpy(file, &fixed, sizeof fixed);
    if (data[PREFIX - 2] % 4 != 0)
        sign_records(file, len, &fixed);
    if (fixed.capacity_bytes > CAPACITY_MAX) /* would be allocated */
        return 0;

    char name[RING_NAME_BYTES];
    char path[PATH_MAX];
    fixed.source[sizeof fixed.source - 1] = '\0';
    ring_file_name(fixed.source, fixed.uuid, name);
    struct ring_reader *reader = NULL;
    if (!ring_path(dir, name, path, sizeof path) || !write_file(path, file, len))
        fail("can't write the input");
    if (ring_reader_open(path, &reader, NULL) == STATUS_OK) {
        read_everything(reader, &cursor);
        ring_reader_close(reader);
    }
    if (unlink(path) != 0)
        fail("can't remove the input");
    return 0;
}
