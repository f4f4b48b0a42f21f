/* SPDX-License-Identifier: MIT
 *
 * The file of an open ring is deleted, replaced, cut short, damaged: what the writer and the reader
 * make of it. */
#include "tests/support/cmocka_all.h"

#include "common/ring/ring_format.h"
#include "tests/support/ring_box.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct ring_box box;
static char paths[64][PATH_MAX];
static struct ingest_buffer *ring;

static int setup(void **state)
{
    (void)state;
    ring_box_init(&box);
    ring = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ingest_buffer_close(ring);
    ring_box_done(&box);
    return 0;
}

static struct ring_stats stats_of(const struct ingest_buffer *of)
{
    struct ring_stats stats;
    assert_true(ingest_buffer_stats(of, &stats));
    ring_box_check_tuple(&stats.tuple);
    return stats;
}

/* Reads up to n messages, frees them; returns how many there were. */
static uint64_t drain(struct ring_reader *reader, uint64_t n)
{
    struct ring_record record;
    uint64_t done = 0;
    while (done < n && ring_reader_next(reader, &record) == STATUS_OK) {
        ring_reader_free(reader, &record.next);
        done++;
    }
    return done;
}

static void check_all(const char *path, uint64_t from, uint64_t to, uint64_t want_gap)
{
    struct ring_reader *const reader = ring_box_read(path);
    struct ring_record record;
    uint64_t gap = 0;
    uint64_t forgotten;
    uint64_t lost = 0;
    uint64_t next = from;
    ring_reader_seek(reader, &(struct ring_cursor){.number = from}, &gap, &forgotten);
    assert_int_equal(forgotten, 0);
    while (ring_reader_next(reader, &record) == STATUS_OK || record.gap > 0) {
        lost += record.gap;
        next = record.next.number;
        if (record.message.topic != NULL)
            ring_box_check(&record.message, record.at.number);
    }
    assert_int_equal(next, to);
    assert_int_equal(lost, want_gap);
    ring_reader_close(reader);
}

static void push_range(uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n < to; n++)
        assert_int_equal(ring_box_push(ring, n, 300, 0), OUTCOME_NONE);
}

static void reopen_ring(void)
{
    ingest_buffer_close(ring);
    ring = ring_box_open(&box);
}

/* All that is not freed stands under the name again, laps included, and the ring is used on. */
static void test_a_nameless_ring_is_put_back(void **state)
{
    (void)state;
    struct err err = {.text = ""};
    struct ring_open_report report;
    ring = ring_box_open(&box);
    assert_int_equal(ingest_buffer_look(ring), RING_FILE_WHOLE);
    push_range(0, 20);
    char path[PATH_MAX];
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 1);
    (void)snprintf(path, sizeof path, "%s", paths[0]);
    struct ring_reader *const reader = ring_box_read(path);
    assert_int_equal(drain(reader, 17), 17);
    push_range(20, 38); /* around the end of the lap */
    for (int is_replaced = 0; is_replaced < 2; is_replaced++) {
        if (is_replaced) {
            static uint8_t older[RING_HEADER_BYTES + 8192];
            ring_box_peek(path, older, sizeof older);
            assert_int_equal(unlink(path), 0);
            const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
            assert_int_equal(write(fd, older, sizeof older), (ssize_t)sizeof older);
            assert_int_equal(close(fd), 0);
        } else {
            assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(ingest_buffer_look(ring),
                         is_replaced ? RING_FILE_REPLACED : RING_FILE_NAMELESS);
        struct ring_stats before = stats_of(ring);
        if (ingest_buffer_mend(ring, &err) != STATUS_OK)
            fail_msg("%s: %s", err.what, err.text);
        reopen_ring();
        ingest_buffer_open_report(ring, &report);
        assert_false(report.created);
        assert_int_equal(report.sealed, 0);
        assert_int_equal(ingest_buffer_look(ring), RING_FILE_WHOLE);
        const struct ring_stats after = stats_of(ring);
        assert_memory_equal(&after.tuple, &before.tuple, sizeof after.tuple);
        check_all(path, 17, after.tuple.appended, 0);
        push_range(after.tuple.appended, after.tuple.appended + 1);
    }
    ring_reader_close(reader);
    assert_int_equal(ring_box_list(&box, ".damaged-", paths, 64), 1); /* never deleted */
}

/* What was cut off is a gap; the counts, the writer's own, are all there. Nobody dies of SIGBUS. */
static void test_a_cut_ring_keeps_its_counts(void **state)
{
    (void)state;
    static const off_t lengths[] = {0, 512, RING_HEADER_BYTES, RING_HEADER_BYTES + 4 * 350};
    struct err err = {.text = ""};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        ring = ring_box_open(&box);
        const uint64_t first = stats_of(ring).tuple.appended;
        push_range(first, first + 10);
        const size_t count = ring_box_list(&box, RING_SUFFIX, paths, 64);
        struct ring_reader *reader = ring_box_read(paths[count - 1]);
        assert_int_equal(drain(reader, 0), 0);
        assert_int_equal(truncate(paths[count - 1], lengths[i]), 0);
        push_range(first + 10, first + 12); /* SIGBUS, without the guard */
        assert_int_equal(ingest_buffer_look(ring), RING_FILE_CUT);
        assert_int_equal(ring_reader_mend(reader, paths[count - 1], &err), STATUS_OK);
        assert_int_equal(ingest_buffer_mend(ring, &err), STATUS_OK);
        assert_int_equal(stats_of(ring).tuple.appended, first + 12);
        assert_int_equal(ingest_buffer_look(ring), RING_FILE_WHOLE);
        struct ring_record record;
        uint64_t next = 0;
        uint64_t lost = 0;
        uint64_t records = 0;
        while (ring_reader_next(reader, &record) == STATUS_OK || record.gap > 0) {
            lost += record.gap;
            records += record.message.topic != NULL;
            next = record.next.number;
        }
        assert_int_equal(next, first + 12);
        assert_int_equal(records + lost, 12);
        /* A page is zeroed behind the file's end when it grows again, with what was written
         * there since. */
        assert_in_range(records, lengths[i] > RING_HEADER_BYTES ? 4 : 2, 6);
        ring_reader_close(reader);
        ingest_buffer_close(ring);
        ring = NULL;
        for (size_t k = ring_box_list(&box, RING_SUFFIX, paths, 64); k-- > 0;)
            assert_int_equal(unlink(paths[k]), 0);
    }
}

/* The writer's last file is used on; a copy of it, in the same boot, is sealed. */
static void test_a_copy_is_not_used_on(void **state)
{
    (void)state;
    static uint8_t kept[RING_HEADER_BYTES + 8192];
    ring = ring_box_open(&box);
    push_range(0, 5);
    reopen_ring();
    struct ring_open_report report;
    ingest_buffer_open_report(ring, &report);
    assert_int_equal(report.sealed, 0);
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 1);
    ring_box_peek(paths[0], kept, sizeof kept);
    ingest_buffer_close(ring);
    assert_int_equal(unlink(paths[0]), 0);
    const int fd = open(paths[0], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, kept, sizeof kept), (ssize_t)sizeof kept);
    assert_int_equal(close(fd), 0);
    ring = ring_box_open(&box);
    ingest_buffer_open_report(ring, &report);
    assert_int_equal(report.sealed, 1);
    assert_int_equal(stats_of(ring).tuple.appended, 5);
}

/* Zeros are a claim: what can't be read leaves what was known. */
static void test_a_head_that_can_not_be_read_is_no_zero(void **state)
{
    (void)state;
    ring = ring_box_open(&box);
    push_range(0, 5);
    struct ring_stats stats = stats_of(ring);
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 1);
    uint8_t junk[192];
    memset(junk, 0xa5, sizeof junk);
    ring_box_poke(paths[0], 640, junk, sizeof junk);
    assert_false(ingest_buffer_stats(ring, &stats));
    assert_int_equal(stats.tuple.appended, 5);
    push_range(5, 6);
    assert_true(ingest_buffer_stats(ring, &stats));
    assert_int_equal(stats.tuple.appended, 6);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_a_nameless_ring_is_put_back),
        T(test_a_cut_ring_keeps_its_counts),
        T(test_a_copy_is_not_used_on),
        T(test_a_head_that_can_not_be_read_is_no_zero),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
