/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/ring/ring_format.h"
#include "tests/support/ring_box.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ring_box box;
static char paths[64][PATH_MAX];

static int setup(void **state)
{
    (void)state;
    ring_box_init(&box);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ring_box_done(&box);
    return 0;
}

static struct ring_stats stats_of(const struct ingest_buffer *ring)
{
    struct ring_stats stats;
    assert_true(ingest_buffer_stats(ring, &stats));
    ring_box_check_tuple(&stats.tuple);
    return stats;
}

static const char *only_ring(void)
{
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 1);
    return paths[0];
}

/* Reads up to n messages, frees them; returns how many there were. */
static uint64_t drain(struct ring_reader *reader, uint64_t n)
{
    struct ring_record record;
    uint64_t done = 0;
    while (done < n && ring_reader_next(reader, &record) == STATUS_OK) {
        ring_box_check(&record.message, record.at.number);
        ring_reader_free(reader, &record.next);
        done++;
    }
    return done;
}

static void test_full_by_records(void **state)
{
    (void)state;
    box.params.capacity_records = 3;
    struct ingest_buffer *const ring = ring_box_open(&box);
    for (uint64_t n = 0; n < 3; n++)
        assert_int_equal(ring_box_push(ring, n, 8, 0), OUTCOME_NONE);
    assert_false(ingest_buffer_has_room(ring, 3, 8));
    assert_int_equal(ring_box_push(ring, 3, 8, RING_PRIORITY), OUTCOME_DROPPED_QUEUE_FULL);
    struct ring_stats stats = stats_of(ring);
    assert_int_equal(stats.tuple.received, 4);
    assert_int_equal(stats.tuple.appended, 3);
    assert_int_equal(stats.tuple.outcomes[OUTCOME_DROPPED_QUEUE_FULL], 1);
    assert_int_equal(stats.records, 3);
    assert_int_equal(stats.high_water_records, 3);

    struct ring_reader *const reader = ring_box_read(only_ring());
    assert_int_equal(drain(reader, 1), 1);
    assert_true(ingest_buffer_has_room(ring, 3, 8));
    assert_int_equal(ring_box_push(ring, 3, 8, 0), OUTCOME_NONE);
    assert_false(ingest_buffer_is_drained(ring));
    assert_int_equal(drain(reader, 9), 3);
    assert_true(ingest_buffer_is_drained(ring));
    assert_int_equal(stats_of(ring).records, 0);
    ring_reader_close(reader);
    ingest_buffer_close(ring);
}

/* Many laps with sizes that leave every possible rest: nothing lost, nothing torn, I1 by assert. */
static void test_laps_of_all_sizes(void **state)
{
    (void)state;
    box.params.capacity_bytes = 4096;
    struct ingest_buffer *const ring = ring_box_open(&box);
    struct ring_reader *const reader = ring_box_read(only_ring());
    uint64_t pushed = 0;
    uint64_t taken = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        const enum outcome outcome = ring_box_push(ring, pushed, 8 + i * 7 % 900, 0);
        if (outcome == OUTCOME_NONE)
            pushed++;
        else
            assert_int_equal(outcome, OUTCOME_DROPPED_QUEUE_FULL);
        assert_true(stats_of(ring).bytes <= 4096);
        if (i % 3 == 0)
            taken += drain(reader, i % 7);
    }
    taken += drain(reader, UINT64_MAX);
    assert_int_equal(taken, pushed);
    assert_true(pushed > 5000);
    ring_reader_close(reader);
    ingest_buffer_close(ring);
}

static void test_soft_threshold_keeps_room_for_priority(void **state)
{
    (void)state;
    box.params.capacity_records = 10;
    box.params.soft_threshold = 0.5;
    struct ingest_buffer *const ring = ring_box_open(&box);
    for (uint64_t n = 0; n < 5; n++) {
        assert_false(ingest_buffer_is_soft(ring));
        assert_int_equal(ring_box_push(ring, n, 8, 0), OUTCOME_NONE);
    }
    assert_true(ingest_buffer_is_soft(ring));
    assert_int_equal(ring_box_push(ring, 5, 8, 0), OUTCOME_DROPPED_SOFT);
    for (uint64_t n = 5; n < 10; n++)
        assert_int_equal(ring_box_push(ring, n, 8, RING_PRIORITY), OUTCOME_NONE);
    assert_int_equal(ring_box_push(ring, 10, 8, RING_PRIORITY), OUTCOME_DROPPED_QUEUE_FULL);
    assert_int_equal(ring_box_push(ring, 10, 8, 0), OUTCOME_DROPPED_QUEUE_FULL);
    struct ring_reader *const reader = ring_box_read(only_ring());
    assert_int_equal(drain(reader, 6), 6);
    assert_false(ingest_buffer_is_soft(ring)); /* sees the new tail without a push */
    assert_int_equal(ring_box_push(ring, 10, 8, 0), OUTCOME_NONE);
    ring_reader_close(reader);
    ingest_buffer_close(ring);
}

static void test_soft_threshold_by_bytes(void **state)
{
    (void)state;
    box.params.soft_threshold = 0.5;
    struct ingest_buffer *const ring = ring_box_open(&box);
    uint64_t n = 0;
    while (!ingest_buffer_is_soft(ring))
        assert_int_equal(ring_box_push(ring, n++, 960, 0), OUTCOME_NONE);
    assert_int_equal(n, 5); /* 4 * 1008 < 4096 */
    assert_int_equal(ring_box_push(ring, n, 960, 0), OUTCOME_DROPPED_SOFT);
    ingest_buffer_close(ring);
}

static void test_a_ring_of_one_takes_one(void **state)
{
    (void)state;
    box.params.capacity_records = 1;
    box.params.soft_threshold = 0.1;
    struct ingest_buffer *const ring = ring_box_open(&box);
    assert_false(ingest_buffer_is_soft(ring));
    assert_int_equal(ring_box_push(ring, 0, 8, 0), OUTCOME_NONE);
    assert_int_equal(ring_box_push(ring, 1, 8, 0), OUTCOME_DROPPED_QUEUE_FULL);
    ingest_buffer_close(ring);
}

static void test_too_large_is_rejected(void **state)
{
    (void)state;
    static const uint8_t zeros[4096];
    box.params.max_message_bytes = 500;
    struct ingest_buffer *const ring = ring_box_open(&box);
    struct ring_message message = {.topic = (const char *)zeros, .payload = zeros};
    message.payload_len = 501;
    assert_int_equal(ingest_buffer_push(ring, &message), OUTCOME_REJECTED_TOO_LARGE);
    message.payload_len = 500;
    message.topic_len = RING_TOPIC_MAX + 1;
    assert_int_equal(ingest_buffer_push(ring, &message), OUTCOME_REJECTED_TOO_LARGE);
    message.topic_len = RING_TOPIC_MAX;
    assert_int_equal(ingest_buffer_push(ring, &message), OUTCOME_NONE);
    assert_true(ingest_buffer_has_room(ring, 1, 501)); /* waiting would not help it */
    ingest_buffer_close(ring);

    box.params.max_message_bytes = 16384; /* more than half of the ring */
    struct ingest_buffer *const again = ring_box_open(&box);
    assert_int_equal(ring_box_push(again, 1, 4096 - 40 - 3, 0), OUTCOME_NONE);
    assert_int_equal(ring_box_push(again, 2, 4096 - 40 - 2, 0), OUTCOME_REJECTED_TOO_LARGE);
    const struct ring_stats stats = stats_of(again);
    assert_int_equal(stats.tuple.outcomes[OUTCOME_REJECTED_TOO_LARGE], 3);
    assert_int_equal(stats.tuple.received, 5);
    ingest_buffer_close(again);
}

static void test_empty_message_and_flags_travel(void **state)
{
    (void)state;
    struct ingest_buffer *const ring = ring_box_open(&box);
    const uint32_t flags = 1 | RING_RETAIN | RING_DUP | RING_PRIORITY | RING_PERSISTENT;
    assert_int_equal(
        ingest_buffer_push(ring, &(struct ring_message){.flags = flags, .receipt = -5}),
        OUTCOME_NONE);
    struct ring_reader *const reader = ring_box_read(only_ring());
    struct ring_record record;
    assert_int_equal(ring_reader_next(reader, &record), STATUS_OK);
    assert_int_equal(record.message.flags, flags);
    assert_int_equal(record.message.receipt, -5);
    assert_int_equal(record.message.topic_len + record.message.payload_len, 0);
    ring_reader_close(reader);
    ingest_buffer_close(ring);
}

static void test_counts_of_messages_before_the_ring(void **state)
{
    (void)state;
    struct ingest_buffer *const ring = ring_box_open(&box);
    for (int i = 0; i < 7; i++)
        ingest_buffer_count(ring, OUTCOME_FILTERED_RATE);
    ingest_buffer_count(ring, OUTCOME_DROPPED_SPOOL);
    const struct ring_stats stats = stats_of(ring);
    assert_int_equal(stats.tuple.received, 8);
    assert_int_equal(stats.tuple.outcomes[OUTCOME_FILTERED_RATE], 7);
    assert_int_equal(stats.tuple.outcomes[OUTCOME_DROPPED_SPOOL], 1);
    assert_true(ingest_buffer_is_drained(ring));
    ingest_buffer_close(ring);
}

static void test_same_boot_is_used_on(void **state)
{
    (void)state;
    struct ingest_buffer *ring = ring_box_open(&box);
    const struct ring_stats first = stats_of(ring);
    for (uint64_t n = 0; n < 5; n++)
        assert_int_equal(ring_box_push(ring, n, 100, 0), OUTCOME_NONE);
    ingest_buffer_close(ring);
    ring = ring_box_open(&box);
    struct ring_open_report report;
    ingest_buffer_open_report(ring, &report);
    assert_false(report.created);
    assert_int_equal(report.sealed + report.left + report.recovered_records, 0);
    const struct ring_stats second = stats_of(ring);
    assert_memory_equal(first.uuid, second.uuid, RING_UUID_BYTES);
    assert_int_equal(second.records, 5);
    assert_int_equal(ring_box_push(ring, 5, 100, 0), OUTCOME_NONE);
    struct ring_reader *const reader = ring_box_read(only_ring());
    assert_int_equal(drain(reader, 99), 6);
    ring_reader_close(reader);
    ingest_buffer_close(ring);
}

/* Expects two rings: a sealed one with messages [0, old) and its successor with [old, ...). */
static void check_chain(const struct ring_stats *before, uint64_t old, uint64_t sum)
{
    assert_int_equal(ring_box_list(&box, RING_SUFFIX, paths, 64), 2);
    struct ring_info infos[2];
    for (size_t i = 0; i < 2; i++) {
        struct ring_reader *const reader = ring_box_read(paths[i]);
        ring_reader_info(reader, &infos[i]);
        assert_int_equal(drain(reader, 999), i == 0 ? old : sum - old);
        ring_reader_close(reader);
    }
    assert_true(infos[0].sealed);
    assert_false(infos[1].sealed);
    assert_memory_equal(infos[0].uuid, before->uuid, RING_UUID_BYTES);
    assert_memory_equal(infos[1].chain, before->chain, RING_UUID_BYTES);
    assert_int_equal(infos[1].chain_created, before->created);
    assert_true(infos[1].created > infos[0].created);
    assert_int_equal(infos[1].tail.number, old); /* the chain's numbers go on */
}

static void test_changed_size_seals_and_takes_over(void **state)
{
    (void)state;
    struct ingest_buffer *ring = ring_box_open(&box);
    for (uint64_t n = 0; n < 5; n++)
        assert_int_equal(ring_box_push(ring, n, 100, 0), OUTCOME_NONE);
    ingest_buffer_count(ring, OUTCOME_FILTERED_RATE);
    const struct ring_stats before = stats_of(ring);
    ingest_buffer_close(ring);

    box.params.capacity_records = 50;
    ring = ring_box_open(&box);
    struct ring_open_report report;
    ingest_buffer_open_report(ring, &report);
    assert_true(report.created);
    assert_int_equal(report.sealed, 1);
    const struct ring_stats after = stats_of(ring);
    assert_memory_equal(&after.tuple, &before.tuple, sizeof after.tuple);
    assert_int_equal(after.records, 0);
    assert_true(ingest_buffer_is_drained(ring));
    for (uint64_t n = 5; n < 8; n++)
        assert_int_equal(ring_box_push(ring, n, 100, 0), OUTCOME_NONE);
    check_chain(&before, 5, 8);
    ingest_buffer_close(ring);
}

static void test_capacity_bytes_round_up_to_pages(void **state)
{
    (void)state;
    box.params.capacity_bytes = 4097;
    struct ingest_buffer *ring = ring_box_open(&box);
    assert_int_equal(stats_of(ring).capacity_bytes, 8192);
    ingest_buffer_close(ring);
    ring = ring_box_open(&box);
    struct ring_open_report report;
    ingest_buffer_open_report(ring, &report);
    assert_false(report.created);
    ingest_buffer_close(ring);
}

/* Power loss: header and data pages reach the disk in no order. `kept` is the header page of an
 * earlier moment, put back under the data of a later one. */
static void test_other_boot_finds_records_beyond_the_header(void **state)
{
    (void)state;
    uint8_t kept[RING_HEADER_BYTES];
    struct ingest_buffer *ring = ring_box_open(&box);
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", only_ring());
    struct ring_reader *const early = ring_box_read(path);
    for (uint64_t n = 0; n < 3; n++)
        assert_int_equal(ring_box_push(ring, n, 300, 0), OUTCOME_NONE);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, kept, sizeof kept, 0), (ssize_t)sizeof kept);
    assert_int_equal(close(fd), 0);
    /* More than a lap further: the places of the first records are taken by later ones. */
    for (uint64_t n = 3; n < 40; n++) {
        assert_int_equal(drain(early, 1), 1);
        assert_int_equal(ring_box_push(ring, n, 300, 0), OUTCOME_NONE);
    }
    ring_reader_close(early);
    const struct ring_stats before = stats_of(ring);
    ingest_buffer_close(ring);
    ring_box_poke(path, 0, kept, sizeof kept);
    ring_box_age(path);

    /* The flusher may come before the writer: it must find the same. */
    struct ring_reader *const reader = ring_box_read(path);
    uint64_t gap;
    uint64_t forgotten;
    ring_reader_seek(reader, &(struct ring_cursor){.offset = 0, .number = 0}, &gap, &forgotten);
    struct ring_record record;
    assert_int_equal(ring_reader_next(reader, &record), STATUS_OK);
    assert_int_equal(record.gap, record.at.number);
    assert_true(record.at.number > 3 && record.at.number <= 37);
    assert_false(ring_reader_is_sealed(reader));

    ring = ring_box_open(&box);
    struct ring_open_report report;
    ingest_buffer_open_report(ring, &report);
    assert_int_equal(report.recovered_records, 37);
    assert_int_equal(report.sealed, 1);
    assert_true(ring_reader_is_sealed(reader));
    const struct ring_stats after = stats_of(ring);
    assert_int_equal(after.tuple.appended, 40);
    assert_int_equal(after.tuple.received, 40);
    assert_memory_equal(after.chain, before.chain, RING_UUID_BYTES);
    struct receiver_tuple tuple;
    ring_reader_receiver_tuple(reader, &tuple);
    assert_int_equal(tuple.appended, 40);
    const uint64_t left = drain(reader, 99);
    assert_int_equal(record.at.number + 1 + left, 40);
    ring_reader_close(reader);
    ingest_buffer_close(ring);
}

/* Killed between the new ring's name and the old one's seal: two unsealed rings. */
static void test_of_two_unsealed_rings_the_newer_is_used(void **state)
{
    (void)state;
    struct ingest_buffer *ring = ring_box_open(&box);
    assert_int_equal(ring_box_push(ring, 0, 100, 0), OUTCOME_NONE);
    const struct ring_stats before = stats_of(ring);
    ingest_buffer_close(ring);
    char old[PATH_MAX];
    (void)snprintf(old, sizeof old, "%s", only_ring());
    box.params.capacity_records = 50;
    ring = ring_box_open(&box);
    assert_int_equal(ring_box_push(ring, 1, 100, 0), OUTCOME_NONE);
    ingest_buffer_close(ring);
    const uint64_t unsealed = 0;
    ring_box_poke(old, offsetof(struct ring_header, sealed), &unsealed, sizeof unsealed);

    ring = ring_box_open(&box);
    struct ring_open_report report;
    ingest_buffer_open_report(ring, &report);
    assert_false(report.created);
    assert_int_equal(report.sealed, 1);
    check_chain(&before, 1, 2);
    ingest_buffer_close(ring);
}

static void test_leftovers_and_strangers(void **state)
{
    (void)state;
    struct ingest_buffer *ring = ring_box_open(&box);
    assert_int_equal(ring_box_push(ring, 0, 100, 0), OUTCOME_NONE);
    ingest_buffer_close(ring);
    char name[PATH_MAX];
    static const uint8_t junk[9000] = "not a ring";
    /* a killed writer's temporary; a ring of junk; another source's file; a name without a uuid */
    static const char *const files[] = {"box-000102030405060708090a0b0c0d0e0f.ring.tmp",
                                        "box-000102030405060708090a0b0c0d0e0f.ring",
                                        "boxer-000102030405060708090a0b0c0d0e0f.ring",
                                        "box-x.ring"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(name, sizeof name, "%s/%s", box.dir, files[i]);
        const int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
        ring_box_poke(name, 0, junk, sizeof junk);
    }
    ring = ring_box_open(&box);
    struct ring_open_report report;
    ingest_buffer_open_report(ring, &report);
    assert_int_equal(report.left, 1);
    assert_false(report.created);
    assert_int_equal(stats_of(ring).records, 1);
    assert_int_equal(ring_box_list(&box, ".tmp", paths, 64), 0);
    assert_int_equal(ring_box_list(&box, ".damaged-", paths, 64), 0); /* the flusher's */
    assert_int_equal(ring_box_list(&box, "boxer-", paths, 64), 1);
    ingest_buffer_close(ring);
}

static void test_a_full_disk_is_said_and_leaves_nothing(void **state)
{
    (void)state;
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){65536, old.rlim_max}), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) !=
                SIG_ERR); /* EFBIG instead, the small brother of ENOSPC */
    box.params.capacity_bytes = 1 << 20;
    struct ingest_buffer *ring = NULL;
    struct err err;
    assert_int_equal(ingest_buffer_open(&box.params, &ring, &err), STATUS_NO_SPACE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(ring_box_list(&box, "", paths, 64), 0);
}

static void test_bad_parameters_are_refused(void **state)
{
    (void)state;
    struct ingest_buffer *ring = NULL;
    struct err err;
    const struct ring_params good = box.params;
    box.params.source = "";
    assert_int_equal(ingest_buffer_open(&box.params, &ring, &err), STATUS_INVALID);
    box.params = good;
    box.params.capacity_records = 0;
    assert_int_equal(ingest_buffer_open(&box.params, &ring, &err), STATUS_INVALID);
    box.params = good;
    box.params.soft_threshold = 1.5;
    assert_int_equal(ingest_buffer_open(&box.params, &ring, &err), STATUS_INVALID);
    box.params = good;
    box.params.dir = "/nowhere";
    assert_int_equal(ingest_buffer_open(&box.params, &ring, &err), STATUS_IO);
    assert_null(ring);
}

static void test_sync_over_laps(void **state)
{
    (void)state;
    struct ingest_buffer *const ring = ring_box_open(&box);
    struct ring_reader *const reader = ring_box_read(only_ring());
    assert_int_equal(ingest_buffer_sync(ring), STATUS_OK);
    for (uint64_t n = 0; n < 60; n++) {
        assert_int_equal(ring_box_push(ring, n, 700, 0), OUTCOME_NONE);
        assert_int_equal(drain(reader, 1), 1);
        if (n % 5 < 2 || n > 50)
            assert_int_equal(ingest_buffer_sync(ring), STATUS_OK);
    }
    assert_int_equal(ingest_buffer_sync(ring), STATUS_OK);
    ring_reader_close(reader);
    ingest_buffer_close(ring);
}

static void test_the_longest_name(void **state)
{
    (void)state;
    char source[65];
    memset(source, '/', 64);
    source[64] = '\0';
    box.params.source = source; /* the longest name there can be */
    struct ingest_buffer *const ring = ring_box_open(&box);
    struct ring_reader *const reader = ring_box_read(only_ring());
    struct ring_info info;
    ring_reader_info(reader, &info);
    assert_string_equal(info.source, source);
    ring_reader_close(reader);
    ingest_buffer_close(ring);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_full_by_records),
        T(test_laps_of_all_sizes),
        T(test_soft_threshold_keeps_room_for_priority),
        T(test_soft_threshold_by_bytes),
        T(test_a_ring_of_one_takes_one),
        T(test_too_large_is_rejected),
        T(test_empty_message_and_flags_travel),
        T(test_counts_of_messages_before_the_ring),
        T(test_same_boot_is_used_on),
        T(test_changed_size_seals_and_takes_over),
        T(test_capacity_bytes_round_up_to_pages),
        T(test_other_boot_finds_records_beyond_the_header),
        T(test_of_two_unsealed_rings_the_newer_is_used),
        T(test_leftovers_and_strangers),
        T(test_a_full_disk_is_said_and_leaves_nothing),
        T(test_bad_parameters_are_refused),
        T(test_sync_over_laps),
        T(test_the_longest_name),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
