/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/supervise/stats_publisher.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

#include <stdlib.h>
#include <string.h>

#define NOW_S INT64_C(1774798050)

/* Two receivers with a ring each; the flusher's half is what a test says. */
struct bench {
    char dir[TEMP_DIR_MAX], stats_path[TEMP_PATH_MAX];
    struct config config;
    struct config_source sources[2];
    struct workers workers;
    struct worker *receivers[2];
    struct stats_publisher *publisher;
};

static void set_ring(struct bench *b, size_t i, uint64_t appended, uint64_t records)
{
    struct ring_status ring = {.records = records, .capacity_records = 100};
    ring.tuple.received = ring.tuple.appended = appended;
    memset(ring.chain, (int)i + 1, sizeof ring.chain);
    seqlock_write(&b->receivers[i]->slot->ring, &ring);
}

static void set_flusher(struct bench *b, size_t i, uint64_t consumed, int64_t last_message_unix)
{
    struct flusher_source entry = {.last_message_unix = last_message_unix};
    entry.tuple.consumed = entry.tuple.outcomes[OUTCOME_COMMITTED] = consumed;
    (void)snprintf(entry.name, sizeof entry.name, "%s", b->sources[i % 2].name);
    memset(entry.chain, (int)i + 1, sizeof entry.chain);
    seqlock_write(&b->workers.cb->flusher_sources[i], &entry);
    if (atomic_load(&b->workers.cb->flusher_source_count) <= i)
        atomic_store(&b->workers.cb->flusher_source_count, (uint32_t)i + 1);
}

static const struct stats_snapshot *publish(struct bench *b)
{
    return stats_publisher_publish(b->publisher, &b->workers);
}

static const struct stats_source *source(const struct stats_snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->source_count; i++) {
        if (strcmp(s->sources[i].name, name) == 0)
            return &s->sources[i];
    }
    fail_msg("no source %s", name);
    return NULL; /* not reached */
}

static int setup(void **state)
{
    static char names[2][4] = {"eu", "us"};
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    fake_clock_install(NOW_S * US_PER_S, 1000 * US_PER_S);
    temp_dir_make(b->dir);
    temp_dir_path(b->dir, "stats.json", b->stats_path);
    b->config.stats_file = b->stats_path;
    b->config.source_count = 2;
    struct control_block *cb = control_block_new();
    assert_non_null(cb);
    workers_init(&b->workers, cb, &b->config);
    for (size_t i = 0; i < 2; i++) {
        b->sources[i].name = names[i];
        b->receivers[i] = workers_add(&b->workers, WORKER_RECEIVER, &b->sources[i]);
        assert_non_null(b->receivers[i]);
        set_ring(b, i, 0, 0);
    }
    b->publisher = stats_publisher_new();
    assert_non_null(b->publisher);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    stats_publisher_free(b->publisher);
    control_block_free(b->workers.cb);
    temp_dir_remove(b->dir);
    fake_clock_remove();
    free(b);
    return 0;
}

/* "eu" is consumed, "us" is not: the commits of the one say nothing about the other. What a ring
 * still holds behind the last durable commit does not wait. */
static void each_source_stalls_by_its_own_count(void **state)
{
    struct bench *b = *state;
    for (uint64_t n = 1; n <= 20; n++) {
        set_ring(b, 0, n, n);
        set_flusher(b, 0, n - 1, NOW_S);
        set_ring(b, 1, 7, 7);
        set_flusher(b, 1, 3, NOW_S);
        const struct stats_snapshot *s = publish(b);
        assert_int_equal(source(s, "eu")->stalled_s, 0);
        assert_int_equal(source(s, "us")->stalled_s, n - 1);
        fake_clock_advance(US_PER_S);
    }
    set_flusher(b, 1, 7, NOW_S);
    set_flusher(b, 0, 20, NOW_S);
    assert_int_equal(source(publish(b), "us")->stalled_s, 0);
    fake_clock_advance(60 * US_PER_S);
    const struct stats_snapshot *s = publish(b);
    assert_int_equal(source(s, "us")->stalled_s, 0);
    assert_int_equal(source(s, "eu")->stalled_s, 0);
}

/* The flusher does not have it: whatever is in it waits. */
static void a_ring_that_nobody_attached_stalls(void **state)
{
    struct bench *b = *state;
    assert_int_equal(source(publish(b), "eu")->stalled_s, 0);
    set_ring(b, 0, 5, 2);
    fake_clock_advance(30 * US_PER_S);
    assert_int_equal(source(publish(b), "eu")->stalled_s, 30);
    fake_clock_set_wall(0); /* the wall clock has no say */
    fake_clock_advance(US_PER_S);
    assert_int_equal(source(publish(b), "eu")->stalled_s, 31);
}

static void the_last_message_follows_the_clock_back(void **state)
{
    struct bench *b = *state;
    set_flusher(b, 2, 9, NOW_S - 5); /* "eu" once more: an earlier chain of that name */
    set_flusher(b, 0, 1, NOW_S);
    assert_int_equal(source(publish(b), "eu")->last_message_unix, NOW_S);
    fake_clock_set_wall((NOW_S - 86400) * US_PER_S);
    set_flusher(b, 0, 2, NOW_S - 86400);
    const struct stats_snapshot *s = publish(b);
    assert_int_equal(source(s, "eu")->last_message_unix, NOW_S - 86400);
    assert_int_equal(s->sampled_at, (NOW_S - 86400) * US_PER_S);
    assert_int_equal(s->sampled_mono, 1000 * US_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_source_stalls_by_its_own_count, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ring_that_nobody_attached_stalls, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_message_follows_the_clock_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
