/* SPDX-License-Identifier: MIT
 *
 * Rings that were cut, flipped, swapped and killed: every valid record is read, every lost one is
 * counted, nothing crashes. */
#include "tests/support/cmocka_all.h"

#include "common/ring/ring_format.h"
#include "common/ring/ring_standing.h"
#include "tests/support/ring_box.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES   9
#define BODY       100
#define FILE_BYTES (RING_HEADER_BYTES + 4096)

static struct ring_box box;
static char paths[64][PATH_MAX];
static char path[PATH_MAX];
static uint8_t image[FILE_BYTES];

/* A closed ring of one page with 9 messages in it, its image in `image`. */
static int setup(void **state)
{
    (void)state;
    ring_box_init(&box);
    box.params.capacity_bytes = 4096;
    struct ingest_buffer *const ring = ring_box_open(&box);
    for (uint64_t n = 0; n < MESSAGES; n++)
        assert_int_equal(ring_box_push(ring, n, BODY, 0), OUTCOME_NONE);
    ingest_buffer_count(ring, OUTCOME_DROPPED_SPOOL);
    ingest_buffer_close(ring);
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 1);
    (void)snprintf(path, sizeof path, "%s", paths[0]);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, image, sizeof image), (ssize_t)sizeof image);
    assert_int_equal(close(fd), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ring_box_done(&box);
    return 0;
}

static void remove_all(void)
{
    const size_t n = ring_box_list(&box, "", paths, 64);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(unlink(paths[i]), 0);
}

static void restore(const uint8_t *bytes, size_t len)
{
    remove_all();
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

struct tally {
    uint64_t records, gaps;
};

/* Everything a ring still holds, from its beginning. */
static struct tally read_all(const char *of)
{
    struct tally tally = {0, 0};
    struct ring_reader *const reader = ring_box_read(of);
    struct ring_record record;
    ring_reader_seek(reader, &(struct ring_cursor){.offset = 0, .number = 0}, &tally.gaps,
                     &(uint64_t){0});
    for (;;) {
        const enum status status = ring_reader_next(reader, &record);
        tally.gaps += record.gap;
        if (status == STATUS_OK) {
            ring_box_check(&record.message, record.at.number);
            tally.records++;
        } else if (record.gap == 0) {
            break;
        }
    }
    ring_reader_close(reader);
    return tally;
}

/* The writer opens what is there, adds one message; then all rings of the folder are read. */
static struct tally reopen_and_read(struct ring_stats *out_stats,
                                    struct ring_open_report *out_report)
{
    struct ingest_buffer *const ring = ring_box_open(&box);
    assert_true(ingest_buffer_stats(ring, out_stats));
    ingest_buffer_open_report(ring, out_report);
    ring_box_check_tuple(&out_stats->tuple);
    assert_int_equal(ring_box_push(ring, out_stats->tuple.appended, BODY, 0), OUTCOME_NONE);
    ingest_buffer_close(ring);
    struct tally sum = {0, 0};
    const size_t n = ring_box_list(&box, RING_SUFFIX, paths, 64);
    for (size_t i = 0; i < n; i++) {
        struct ring_place_of place;
        struct err err;
        if (strstr(paths[i], ".damaged-") != NULL)
            continue;
        if (ring_standing_look(paths[i], &place) == RING_STANDS_FOREIGN) {
            assert_int_equal(ring_move_aside(paths[i], &err), STATUS_OK); /* as the flusher does */
            continue;
        }
        const struct tally one = read_all(paths[i]);
        sum.records += one.records;
        sum.gaps += one.gaps;
    }
    return sum;
}

/* Where record n stands; topic "t/<n>" is 3 bytes. */
static uint64_t record_at(uint64_t n)
{
    return RING_HEADER_BYTES + n * ring_record_bytes(3, BODY);
}

static void check_flip(size_t at)
{
    struct ring_stats stats;
    struct ring_open_report report;
    const struct tally tally = reopen_and_read(&stats, &report);
    if (at < sizeof(struct ring_static)) {
        /* not written to, kept whole for a person to look at; a new chain */
        if (report.left != 1 || tally.records != 1 || tally.gaps != 0)
            fail_msg("static header, byte %zu", at);
        return;
    }
    if (stats.tuple.appended + 1 != tally.records + tally.gaps)
        fail_msg("byte %zu: appended %llu + 1, read %llu, gaps %llu", at,
                 (unsigned long long)stats.tuple.appended, (unsigned long long)tally.records,
                 (unsigned long long)tally.gaps);
    const uint64_t used = record_at(MESSAGES);
    const bool in_record = at >= RING_HEADER_BYTES && at < used;
    /* At most the record that was hit is lost; its zero filling may be hit without harm. */
    if (tally.gaps > (in_record ? 1 : 0))
        fail_msg("byte %zu: %llu gaps", at, (unsigned long long)tally.gaps);
    if (in_record && (at - RING_HEADER_BYTES) % ring_record_bytes(3, BODY) < 40 + 3 + BODY)
        assert_int_equal(tally.gaps, 1);
}

/* One flipped bit in every byte of the file, in the boot that wrote it and after a reboot. */
static void flip_every_byte(bool other_boot)
{
    if (other_boot) {
        ring_box_age(path);
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(read(fd, image, sizeof image), (ssize_t)sizeof image);
        assert_int_equal(close(fd), 0);
    }
    for (size_t at = 0; at < sizeof image; at++) {
        if (at >= sizeof(struct ring_static) + 64 && at < RING_HEADER_BYTES && image[at] == 0 &&
            at % 8 != 0)
            continue; /* unused header: one byte a word is enough */
        if (at >= record_at(MESSAGES) && at % 64 != 0)
            continue; /* never written */
        image[at] ^= (uint8_t)(1u << (at % 8));
        restore(image, sizeof image);
        image[at] ^= (uint8_t)(1u << (at % 8));
        check_flip(at);
    }
}

static void test_bit_flip_at_every_byte(void **state)
{
    (void)state;
    flip_every_byte(false);
}

static void test_bit_flip_at_every_byte_after_reboot(void **state)
{
    (void)state;
    flip_every_byte(true);
}

static void test_cut_at_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof image; len += len < RING_HEADER_BYTES ? 511 : 13) {
        restore(image, len);
        struct ring_stats stats;
        struct ring_open_report report;
        const struct tally tally = reopen_and_read(&stats, &report);
        if (len < RING_HEADER_BYTES) {
            assert_int_equal(report.left, 1);
            assert_int_equal(tally.records, 1);
            continue;
        }
        uint64_t whole = (len - RING_HEADER_BYTES) / ring_record_bytes(3, BODY);
        /* the last record's zero filling may be cut off */
        if (whole < MESSAGES && len >= record_at(whole) + 40 + 3 + BODY)
            whole++;
        if (whole > MESSAGES)
            whole = MESSAGES;
        assert_int_equal(stats.tuple.appended, MESSAGES);
        assert_int_equal(tally.records, whole + 1);
        assert_int_equal(tally.gaps, MESSAGES - whole);
    }
}

/* A file of the same source from another life, under the name of this one. */
static void test_foreign_and_stale_files(void **state)
{
    (void)state;
    uint8_t mine[FILE_BYTES];
    struct ring_stats stats;
    struct ring_open_report report;
    memcpy(mine, image, sizeof mine);

    /* renamed by a person: put back under its name, and used on */
    char other[PATH_MAX];
    (void)snprintf(other, sizeof other, "%s/box-00000000000000000000000000000001.ring", box.dir);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(reopen_and_read(&stats, &report).records, MESSAGES + 1);
    assert_int_equal(report.put_right, 1);
    assert_false(report.created);

    /* records of another ring under this header: same places, offsets and numbers, another seed */
    remove_all();
    struct ingest_buffer *const ring = ring_box_open(&box);
    for (uint64_t n = 0; n < MESSAGES; n++)
        assert_int_equal(ring_box_push(ring, n, BODY, 0), OUTCOME_NONE);
    ingest_buffer_close(ring);
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 1);
    ring_box_poke(paths[0], RING_HEADER_BYTES, mine + RING_HEADER_BYTES, 4096);
    const struct tally tally = reopen_and_read(&stats, &report);
    assert_int_equal(tally.gaps, MESSAGES);
    assert_int_equal(tally.records, 1);
}

/* --- power loss ------------------------------------------------------------------------------- */

#define MIX_CAPACITY 65536
#define MIX_BYTES    (RING_HEADER_BYTES + MIX_CAPACITY)
#define PAGE         4096

static void take_image(uint8_t *out)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, out, MIX_BYTES), MIX_BYTES);
    assert_int_equal(close(fd), 0);
}

/* Push and free at random; *cursor is what the database would hold. */
static void run_for(struct ingest_buffer *ring, struct ring_reader *reader, uint64_t *pushed,
                    struct ring_cursor *cursor, int turns)
{
    struct ring_record record;
    for (int i = 0; i < turns; i++) {
        if (ring_box_push(ring, *pushed, 8 + (uint32_t)(rand() % 900), 0) == OUTCOME_NONE)
            (*pushed)++;
        if (rand() % 8 != 0 && ring_reader_next(reader, &record) == STATUS_OK) {
            *cursor = record.next;
            ring_reader_free(reader, cursor);
        }
    }
}

/* What the reader makes of a cursor and the ring adds up to what was appended,
 * whatever was lost. */
static void check_mixed(const struct ring_cursor *cursor, const struct ring_stats *stats,
                        uint64_t pushed)
{
    struct ring_reader *const reader = ring_box_read(path);
    uint64_t gap;
    uint64_t forgotten;
    uint64_t records = 0;
    struct ring_record record = {.gap = 0};
    ring_reader_seek(reader, cursor, &gap, &forgotten);
    while (ring_reader_next(reader, &record) == STATUS_OK || record.gap > 0) {
        gap += record.gap;
        if (record.message.topic == NULL)
            continue;
        ring_box_check(&record.message, record.at.number);
        records++;
    }
    assert_int_equal(cursor->number + records + gap, stats->tuple.appended + forgotten);
    assert_true(stats->tuple.appended <= pushed);
    ring_reader_close(reader);
}

/* After a power loss each page of the file is of some moment of its own. */
static void test_power_loss_mixes_pages_of_two_moments(void **state)
{
    (void)state;
    static uint8_t early[MIX_BYTES];
    static uint8_t late[MIX_BYTES];
    srand(7);
    box.params.capacity_bytes = MIX_CAPACITY;
    for (int round = 0; round < 60; round++) {
        remove_all();
        struct ingest_buffer *const ring = ring_box_open(&box);
        assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 1);
        (void)snprintf(path, sizeof path, "%s", paths[0]);
        struct ring_reader *const reader = ring_box_read(path);
        uint64_t pushed = 0;
        struct ring_cursor cursor = {.offset = 0};
        run_for(ring, reader, &pushed, &cursor, rand() % 400);
        take_image(early);
        run_for(ring, reader, &pushed, &cursor, rand() % 200);
        take_image(late);
        ring_reader_close(reader);
        ingest_buffer_close(ring);
        for (int mix = 0; mix < 5; mix++) {
            uint8_t *const mixed = early; /* each mix takes over more of the later moment */
            for (size_t at = 0; at < MIX_BYTES; at += PAGE) {
                if (rand() % 3 == 0)
                    memcpy(mixed + at, late + at, PAGE);
            }
            restore(mixed, MIX_BYTES);
            ring_box_age(path);
            struct ingest_buffer *const again = ring_box_open(&box);
            struct ring_stats stats;
            assert_true(ingest_buffer_stats(again, &stats));
            ring_box_check_tuple(&stats.tuple);
            ingest_buffer_close(again);
            check_mixed(&cursor, &stats, pushed);
        }
    }
}

/* --- kill -9 ---------------------------------------------------------------------------------- */

/* Pushes for ever. What it did is in the ring, nowhere else. */
static void writer_life(void)
{
    struct ingest_buffer *const ring = ring_box_open(&box);
    struct ring_stats stats;
    if (!ingest_buffer_stats(ring, &stats))
        abort();
    uint64_t n = stats.tuple.appended;
    for (uint64_t i = 0;; i++) {
        if (ring_box_push(ring, n, 8 + (uint32_t)(i * 37 % 600), 0) == OUTCOME_NONE)
            n++;
        if (i % 11 == 0)
            ingest_buffer_count(ring, OUTCOME_FILTERED_RATE);
    }
}

static void read_for(struct ring_reader *reader, uint64_t *next, uint64_t nanoseconds)
{
    struct timespec start;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    uint64_t spent = 0;
    while (spent < nanoseconds) {
        struct ring_record record;
        if (ring_reader_next(reader, &record) == STATUS_OK) {
            assert_int_equal(record.at.number, *next);
            ring_box_check(&record.message, *next);
            (*next)++;
            if (*next % 7 == 0)
                ring_reader_free(reader, &record.next);
        }
        assert_int_equal(record.gap, 0);
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        spent = (uint64_t)(now.tv_sec - start.tv_sec) * 1000000000u + (uint64_t)now.tv_nsec -
                (uint64_t)start.tv_nsec;
    }
}

static void test_writer_killed_at_random_moments(void **state)
{
    (void)state;
    const unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    srand(seed);
    box.params.capacity_bytes = 65536;
    remove_all();
    ingest_buffer_close(ring_box_open(&box));
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 1);
    struct ring_reader *const reader = ring_box_read(paths[0]);
    uint64_t next = 0;
    for (int life = 0; life < 200; life++) {
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            writer_life();
        read_for(reader, &next, (uint64_t)(rand() % 5000) * 1000);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        struct receiver_tuple tuple;
        ring_reader_receiver_tuple(reader, &tuple);
        ring_box_check_tuple(&tuple);
        assert_true(next <= tuple.appended);
    }
    struct ring_record record;
    while (ring_reader_next(reader, &record) == STATUS_OK) {
        assert_int_equal(record.at.number, next);
        ring_box_check(&record.message, next++);
    }
    struct receiver_tuple tuple;
    ring_reader_receiver_tuple(reader, &tuple);
    assert_int_equal(next, tuple.appended);
    assert_true(next > 1000);
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 1); /* one ring all the time */
    ring_reader_close(reader);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_bit_flip_at_every_byte),
        T(test_bit_flip_at_every_byte_after_reboot),
        T(test_cut_at_every_length),
        T(test_foreign_and_stale_files),
        T(test_power_loss_mixes_pages_of_two_moments),
        T(test_writer_killed_at_random_moments),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
