/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/ring/ring_format.h"
#include "tests/support/ring_box.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORD_BYTES 72 /* of a message of 24 bytes with a topic of 3 */
#define BODY         24

static struct ring_box box;
static char paths[64][PATH_MAX];
static struct ingest_buffer *ring;
static struct ring_reader *reader;

/* A ring with messages 0..9 of RECORD_BYTES each, and a reader on it. */
static int setup(void **state)
{
    (void)state;
    ring_box_init(&box);
    ring = ring_box_open(&box);
    for (uint64_t n = 0; n < 10; n++)
        assert_int_equal(ring_box_push(ring, n, BODY, 0), OUTCOME_NONE);
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 1);
    reader = ring_box_read(paths[0]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ring_reader_close(reader);
    ingest_buffer_close(ring);
    ring_box_done(&box);
    return 0;
}

static void expect(uint64_t n, uint64_t gap)
{
    struct ring_record record;
    assert_int_equal(ring_reader_next(reader, &record), STATUS_OK);
    assert_int_equal(record.at.number, n);
    assert_int_equal(record.gap, gap);
    assert_int_equal(record.next.number, n + 1);
    ring_box_check(&record.message, n);
}

static void expect_end(uint64_t number, uint64_t gap)
{
    struct ring_record record;
    assert_int_equal(ring_reader_next(reader, &record), STATUS_AGAIN);
    assert_int_equal(record.gap, gap);
    assert_int_equal(record.next.number, number);
}

static void damage(uint64_t n)
{
    const uint64_t junk = UINT64_MAX;
    ring_box_poke(paths[0], RING_HEADER_BYTES + n * RECORD_BYTES + 48, &junk, sizeof junk);
}

static void seek(uint64_t offset, uint64_t number, uint64_t want_gap, uint64_t want_forgotten)
{
    uint64_t gap;
    uint64_t forgotten;
    ring_reader_seek(reader, &(struct ring_cursor){.offset = offset, .number = number}, &gap,
                     &forgotten);
    assert_int_equal(gap, want_gap);
    assert_int_equal(forgotten, want_forgotten);
}

static void test_reads_in_order_and_waits(void **state)
{
    (void)state;
    uint64_t records;
    uint64_t bytes;
    ring_reader_backlog(reader, &records, &bytes);
    assert_int_equal(records, 10);
    assert_int_equal(bytes, 10 * RECORD_BYTES);
    for (uint64_t n = 0; n < 10; n++)
        expect(n, 0);
    expect_end(10, 0);
    ring_reader_backlog(reader, &records, &bytes);
    assert_int_equal(records + bytes, 0);
    assert_int_equal(ring_box_push(ring, 10, BODY, 0), OUTCOME_NONE);
    expect(10, 0);
    expect_end(11, 0);
}

static void test_damaged_record_is_a_gap(void **state)
{
    (void)state;
    damage(3);
    damage(4);
    expect(0, 0);
    expect(1, 0);
    expect(2, 0);
    expect(5, 2);
    expect(6, 0);
    /* after a rollback the same again */
    ring_reader_rewind(reader, &(struct ring_cursor){.offset = 3 * RECORD_BYTES, .number = 3});
    expect(5, 2);
    expect(6, 0);
}

static void test_damaged_end_is_a_gap_said_once(void **state)
{
    (void)state;
    damage(8);
    damage(9);
    for (uint64_t n = 0; n < 8; n++)
        expect(n, 0);
    expect_end(10, 2);
    expect_end(10, 0);
    assert_int_equal(ring_box_push(ring, 10, BODY, 0), OUTCOME_NONE);
    expect(10, 0);
}

static void test_cursor_behind_the_tail_is_a_gap(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 6; n++)
        expect(n, 0);
    ring_reader_free(reader, &(struct ring_cursor){.offset = 6 * RECORD_BYTES, .number = 6});
    seek(2 * RECORD_BYTES, 2, 4, 0);
    expect(6, 0);
    seek(0, 0, 6, 0);
    expect(6, 0);
    seek(7 * RECORD_BYTES, 7, 0, 0);
    expect(7, 0);
}

static void test_cursor_of_a_new_database_is_no_gap_in_a_later_ring(void **state)
{
    (void)state;
    box.params.capacity_records = 77; /* seals; the new ring starts at number 10 */
    ingest_buffer_close(ring);
    ring_reader_close(reader);
    ring = ring_box_open(&box);
    assert_int_equal(ring_box_push(ring, 10, BODY, 0), OUTCOME_NONE);
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 2);
    reader = ring_box_read(paths[1]);
    seek(0, 0, 0, 0);
    expect(10, 0);
    ring_reader_free(reader, &(struct ring_cursor){.offset = RECORD_BYTES, .number = 11});
    seek(0, 0, 1, 0); /* only its own record */
}

static void test_cursor_ahead_is_forgotten(void **state)
{
    (void)state;
    for (int sealed = 0; sealed < 2; sealed++) {
        seek(13 * RECORD_BYTES, 13, 0, 3);
        expect_end(10, 0);
        seek(10 * RECORD_BYTES, 10, 0, 0);
        expect_end(10, 0);
        const uint64_t word = RING_SEALED;
        ring_box_poke(paths[0], offsetof(struct ring_header, sealed), &word, sizeof word);
        assert_true(ring_reader_is_sealed(reader));
    }
}

static void test_cursor_that_contradicts_itself_follows_the_number(void **state)
{
    (void)state;
    seek(4 * RECORD_BYTES + 3, 4, 0, 0);
    expect(4, 0);
    seek(99 * RECORD_BYTES, 4, 0, 0);
    expect(4, 0);
    seek(2 * RECORD_BYTES, 4, 0, 0);
    expect(4, 0);
    seek(6 * RECORD_BYTES, 4, 0, 0); /* 4 and 5 are behind it and count as lost, not as read */
    expect(6, 2);
    seek(UINT64_MAX, UINT64_MAX, 0, UINT64_MAX - 10);
    expect_end(10, 0);
}

/* The same numbers, other messages: the file as it stood at message 4, filled again. `kept` is
 * that state; the writer that opens it is a new one. */
static void put_back(const uint8_t *kept, size_t len, uint64_t from, uint64_t to)
{
    ring_reader_close(reader);
    ingest_buffer_close(ring);
    ring_box_poke(paths[0], 0, kept, len);
    ring = ring_box_open(&box);
    for (uint64_t n = from; n < to; n++)
        assert_int_equal(ring_box_push(ring, 1000 + n, BODY, 0), OUTCOME_NONE);
    reader = ring_box_read(paths[0]);
}

static void check_from(uint64_t from, uint64_t to)
{
    struct ring_record record;
    for (uint64_t n = from; n < to; n++) {
        assert_int_equal(ring_reader_next(reader, &record), STATUS_OK);
        assert_int_equal(record.at.number, n);
        assert_int_equal(record.gap, 0);
        ring_box_check(&record.message, n);
    }
}

static void seek_passed(const struct ring_cursor *cursor, uint64_t want_forgotten)
{
    uint64_t gap;
    uint64_t forgotten;
    ring_reader_seek(reader, cursor, &gap, &forgotten);
    assert_int_equal(gap, 0);
    assert_int_equal(forgotten, want_forgotten);
}

static void test_an_older_state_filled_again_is_read_from_where_it_was(void **state)
{
    (void)state;
    static uint8_t kept[RING_HEADER_BYTES + 8192];
    struct ring_record record;
    check_from(0, 3);
    ring_reader_confirm(reader);
    ring_box_peek(paths[0], kept, sizeof kept); /* at message 10, nothing freed */
    for (uint64_t n = 10; n < 20; n++)
        assert_int_equal(ring_box_push(ring, n, BODY, 0), OUTCOME_NONE);
    check_from(3, 19);
    assert_int_equal(ring_reader_next(reader, &record), STATUS_OK);
    const struct ring_cursor cursor = record.next;
    assert_int_equal(cursor.number, 20);
    seek_passed(&cursor, 0);

    for (uint64_t to = 10; to <= 30; to++) { /* less, as much, more than was read */
        put_back(kept, sizeof kept, 10, to);
        if (to == 15) { /* a second writer, before any reader */
            ingest_buffer_close(ring);
            ring = ring_box_open(&box);
        }
        seek_passed(&cursor, 10);
        for (uint64_t n = 10; n < to; n++) {
            assert_int_equal(ring_reader_next(reader, &record), STATUS_OK);
            assert_int_equal(record.at.number, n);
            ring_box_check(&record.message, 1000 + n);
        }
        expect_end(to, 0);
    }
    /* Who wrote it does not say where it began: from the tail, or at the end, as ever. */
    ring_reader_confirm(reader);
    seek_passed(&cursor, 20);
    const struct ring_cursor unknown = {.offset = cursor.offset, .number = cursor.number};
    seek_passed(&unknown, 0);
}

static void test_a_record_that_is_gone_contradicts_nothing(void **state)
{
    (void)state;
    struct ring_record record;
    check_from(0, 7);
    assert_int_equal(ring_reader_next(reader, &record), STATUS_OK);
    const struct ring_cursor cursor = record.next;
    damage(7);
    seek_passed(&cursor, 0);
    expect(8, 0);
    ring_reader_free(reader, &cursor);
    seek_passed(&cursor, 0);
    expect(8, 0);
}

static void test_free_never_goes_back_or_past(void **state)
{
    (void)state;
    struct ring_info info;
    for (uint64_t n = 0; n < 5; n++)
        expect(n, 0);
    ring_reader_free(reader, &(struct ring_cursor){.offset = 5 * RECORD_BYTES, .number = 5});
    ring_reader_free(reader, &(struct ring_cursor){.offset = 2 * RECORD_BYTES, .number = 2});
    ring_reader_free(reader, &(struct ring_cursor){.offset = 50 * RECORD_BYTES, .number = 50});
    ring_reader_info(reader, &info);
    assert_int_equal(info.tail.number, 5);
    struct ring_reader *const again = ring_box_read(paths[0]);
    ring_reader_info(again, &info);
    assert_int_equal(info.tail.offset, 5 * RECORD_BYTES);
    ring_reader_close(again);
}

static unsigned strikes_at(uint64_t n)
{
    struct ring_record record;
    ring_reader_rewind(reader, &(struct ring_cursor){.offset = n * RECORD_BYTES, .number = n});
    assert_int_equal(ring_reader_next(reader, &record), STATUS_OK);
    return record.strikes;
}

static void reopen(void)
{
    ring_reader_close(reader);
    reader = ring_box_read(paths[0]);
}

static void test_poison_strikes_its_record_only(void **state)
{
    (void)state;
    const struct ring_cursor four = {.offset = 4 * RECORD_BYTES, .number = 4};
    const struct ring_cursor zero = {.offset = 0};
    ring_reader_strike_inflight(reader); /* nothing in flight */
    assert_int_equal(strikes_at(0), 0);
    ring_reader_mark_inflight(reader, &four);
    reopen();
    ring_reader_strike_inflight(reader);
    assert_int_equal(strikes_at(4), 1);
    assert_int_equal(strikes_at(3), 0);
    ring_reader_strike_inflight(reader); /* one strike per death */
    assert_int_equal(strikes_at(4), 1);
    ring_reader_mark_inflight(reader, &four);
    reopen();
    ring_reader_strike_inflight(reader);
    assert_int_equal(strikes_at(4), 2);
    ring_reader_mark_inflight(reader, &four);
    reopen();
    ring_reader_clear_inflight(reader); /* killed from outside: no strike */
    ring_reader_strike_inflight(reader);
    assert_int_equal(strikes_at(4), 2);
    for (int i = 0; i < 20; i++) { /* offset 0 is a record like any other; the count saturates */
        ring_reader_mark_inflight(reader, &zero);
        ring_reader_strike_inflight(reader);
    }
    assert_int_equal(strikes_at(0), 7);
    assert_int_equal(strikes_at(4), 0);
}

static void test_open_says_what_is_wrong(void **state)
{
    (void)state;
    struct ring_reader *other = NULL;
    struct err err;
    char path[PATH_MAX];
    assert_int_equal(ring_reader_open("/nowhere/x.ring", &other, &err), STATUS_NOT_FOUND);
    (void)snprintf(path, sizeof path, "%s/copy.ring", box.dir);
    assert_int_equal(link(paths[0], path), 0);
    assert_int_equal(ring_reader_open(path, &other, &err), STATUS_CORRUPT); /* another name */
    assert_int_equal(ring_move_aside(path, &err), STATUS_OK);
    assert_int_equal(ring_move_aside(path, &err), STATUS_NOT_FOUND);
    ring_box_version(paths[0], RING_VERSION + 1);
    assert_int_equal(ring_reader_open(paths[0], &other, &err), STATUS_NEWER);
    struct ingest_buffer *writer = NULL; /* an older program leaves it alone */
    assert_int_equal(ingest_buffer_open(&box.params, &writer, &err), STATUS_NEWER);
    assert_null(writer);
    assert_null(other);
}

#define RACE_MESSAGES 100000

static void *race_writer(void *arg)
{
    (void)arg;
    for (uint64_t n = 10; n < RACE_MESSAGES;) {
        if (ring_box_push(ring, n, BODY + (uint32_t)(n % 100), 0) == OUTCOME_NONE)
            n++;
    }
    return NULL;
}

static void read_what_the_writer_writes(void)
{
    struct ring_record record;
    for (uint64_t n = 0; n < RACE_MESSAGES;) {
        if (ring_reader_next(reader, &record) != STATUS_OK)
            continue;
        assert_int_equal(record.at.number, n);
        assert_int_equal(record.gap, 0);
        ring_box_check(&record.message, n);
        n++;
        ring_reader_free(reader, &record.next);
        struct receiver_tuple tuple;
        ring_reader_receiver_tuple(reader, &tuple);
        ring_box_check_tuple(&tuple);
    }
}

/* Writer and reader at once: no record lost, torn or seen before it was published. TSan sees only
 * half of this: the two have mappings of their own. */
static void test_writer_and_reader_race(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, race_writer, NULL), 0);
    read_what_the_writer_writes();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(ingest_buffer_is_drained(ring));
}

static void test_writer_and_reader_race_between_processes(void **state)
{
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed reader must not leave us behind */
        (void)race_writer(NULL);
        _exit(0);
    }
    read_what_the_writer_writes();
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_reads_in_order_and_waits),
        T(test_damaged_record_is_a_gap),
        T(test_damaged_end_is_a_gap_said_once),
        T(test_cursor_behind_the_tail_is_a_gap),
        T(test_cursor_of_a_new_database_is_no_gap_in_a_later_ring),
        T(test_cursor_ahead_is_forgotten),
        T(test_cursor_that_contradicts_itself_follows_the_number),
        T(test_an_older_state_filled_again_is_read_from_where_it_was),
        T(test_a_record_that_is_gone_contradicts_nothing),
        T(test_free_never_goes_back_or_past),
        T(test_poison_strikes_its_record_only),
        T(test_open_says_what_is_wrong),
        T(test_writer_and_reader_race),
        T(test_writer_and_reader_race_between_processes),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
