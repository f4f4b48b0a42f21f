/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/supervise/stats_publisher.h"
#include "common/stats/stats_file_render.h"
#include "tests/support/emulated.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S  INT64_C(1774798050)
#define NOW    (NOW_S * US_PER_S)
#define MINUTE (INT64_C(60) * US_PER_S)

/* A flusher and a receiver for each source, which all run and beat; the clocks stand. */
struct bench {
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    struct config config;
    struct config_source sources[2];
    struct workers workers;
    struct worker *flusher, *receivers[2];
    struct stats_publisher *publisher;
};

static void run(struct worker *worker)
{
    worker->pid = 1;
    worker->state = WORKER_RUNNING;
    worker_beat(worker->slot, PHASE_RUN);
}

static int setup_sources(void **state, size_t count)
{
    static char names[2][4] = {"eu", "us"};
    static char broker[] = "mqtt://host";
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    fake_clock_install(NOW, 1000 * US_PER_S);
    temp_dir_make(b->dir);
    temp_dir_path(b->dir, "stats.json", b->path);
    b->config.stats_file = b->path;
    b->config.source_count = count;
    struct control_block *cb = control_block_new();
    assert_non_null(cb);
    workers_init(&b->workers, cb, &b->config);
    b->flusher = workers_add(&b->workers, WORKER_FLUSHER, NULL);
    assert_non_null(b->flusher);
    run(b->flusher);
    for (size_t i = 0; i < count; i++) {
        b->sources[i].name = names[i];
        b->sources[i].broker_masked = broker;
        b->receivers[i] = workers_add(&b->workers, WORKER_RECEIVER, &b->sources[i]);
        assert_non_null(b->receivers[i]);
        run(b->receivers[i]);
    }
    b->publisher = stats_publisher_new();
    assert_non_null(b->publisher);
    *state = b;
    return 0;
}

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
    entry.taken = entry.tuple;
    (void)snprintf(entry.name, sizeof entry.name, "%s", b->sources[i % 2].name);
    memset(entry.chain, (int)i + 1, sizeof entry.chain);
    seqlock_write(&b->workers.cb->flusher_sources[i], &entry);
    if (atomic_load(&b->workers.cb->flusher_source_count) <= i)
        atomic_store(&b->workers.cb->flusher_source_count, (uint32_t)i + 1);
}

static int setup(void **state)
{
    return setup_sources(state, 1);
}

/* With a ring each; the flusher's half is what a test says. */
static int setup_two(void **state)
{
    (void)setup_sources(state, 2);
    set_ring(*state, 0, 0, 0);
    set_ring(*state, 1, 0, 0);
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

static const struct stats_snapshot *publish(struct bench *b)
{
    return stats_publisher_publish(b->publisher, &b->workers);
}

static void pass(struct bench *b, mono_us time)
{
    fake_clock_advance(time);
    worker_beat(b->flusher->slot, PHASE_RUN);
    worker_beat(b->receivers[0]->slot, PHASE_RUN);
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

static void say_link(const struct bench *b, bool is_connected)
{
    struct source_status status = {.state = SOURCE_LIVE, .link = {.connected = is_connected}};
    seqlock_write(&b->receivers[0]->slot->status, &status);
}

/* --- what nobody has said yet ----------------------------------------------------------------- */

static void nothing_is_known_of_a_flusher_that_said_nothing(void **state)
{
    struct bench *b = *state;
    const struct stats_commit *commit = &publish(b)->commit;
    assert_true(commit->rows_p50 == STATS_UNKNOWN && commit->retention_waits_s == STATS_UNKNOWN);
    assert_true(isnan(commit->ms_p50) && isnan(commit->ms_p99));
    struct flusher_status said = {.writer_count = 1, .commit = {.retention_waits_s = 0}};
    seqlock_write(&b->workers.cb->flusher, &said);
    assert_int_equal(publish(b)->commit.retention_waits_s, 0);
}

static void rates_need_two_samples(void **state)
{
    struct bench *b = *state;
    assert_false(publish(b)->has_procio_rates);
    pass(b, US_PER_S);
    assert_true(publish(b)->has_procio_rates);
}

/* The ring's count goes on for years: what was received before this start is not of the last
 * five minutes. */
static void packets_of_another_life_are_not_new(void **state)
{
    struct bench *b = *state;
    const struct stats_mqtt *mqtt = publish(b)->mqtt;
    assert_int_equal(mqtt->packets_total, STATS_UNKNOWN);
    assert_int_equal(mqtt->packets_last_5m, STATS_UNKNOWN);
    set_ring(b, 0, 1000000, 0);
    pass(b, US_PER_S);
    publish(b);
    assert_int_equal(mqtt->packets_total, 1000000);
    assert_int_equal(mqtt->packets_last_5m, 0);
    set_ring(b, 0, 1000007, 0);
    pass(b, US_PER_S);
    publish(b);
    assert_int_equal(mqtt->packets_last_5m, 7);
    for (int minute = 0; minute < 6; minute++) {
        pass(b, MINUTE);
        publish(b);
    }
    assert_int_equal(mqtt->packets_last_5m, 0);
    pass(b, 9 * 60 * MINUTE);
    publish(b);
    assert_int_equal(mqtt->packets_last_5m, 0);
}

/* A ring with a past, which the flusher has not attached yet: its half of the ledger is not known,
 * and half a ledger is none. */
static void a_ledger_needs_both_halves(void **state)
{
    struct bench *b = *state;
    assert_false(publish(b)->has_ledger);
    set_ring(b, 0, 50, 3);
    const struct stats_snapshot *s = publish(b);
    assert_false(s->has_ledger || s->sources[0].has_ledger);
    char *text = stats_file_render(s);
    assert_non_null(strstr(text, "\"ledger\":{\"sources\":{}}"));
    free(text);
    set_flusher(b, 0, 47, 0);
    publish(b);
    assert_true(s->has_ledger && s->sources[0].has_ledger);
    assert_int_equal(s->ledger_total.received, 50);
    assert_int_equal(s->ledger_total.queued, 3);
    assert_int_equal(s->ledger_total.unaccounted, 0);
}

/* --- what they use ---------------------------------------------------------------------------- */

/* Also in the middle of a transaction, when the flusher has no time to publish anything. */
static void who_holds_the_database_is_said_at_any_moment(void **state)
{
    struct bench *b = *state;
    struct flusher_status said = {.writer_count = 2};
    said.writers[0].holding_ms = said.writers[1].holding_ms = STATS_UNKNOWN;
    seqlock_write(&b->workers.cb->flusher, &said);
    const struct stats_snapshot *s = publish(b);
    assert_int_equal(s->writers[0].holding_ms, STATS_UNKNOWN);
    control_block_hold(b->workers.cb, 1, clock_mono());
    fake_clock_advance(1250 * US_PER_MS);
    publish(b);
    assert_int_equal(s->writers[0].holding_ms, STATS_UNKNOWN);
    assert_int_equal(s->writers[1].holding_ms, 1250);
    b->flusher->pid = 0; /* its locks are gone with it */
    publish(b);
    assert_int_equal(s->writers[1].holding_ms, STATS_UNKNOWN);
    b->flusher->pid = 1;
    control_block_let_go(b->workers.cb);
    publish(b);
    assert_int_equal(s->writers[1].holding_ms, STATS_UNKNOWN);
}

static void usage_is_the_sum_of_all_processes(void **state)
{
    struct bench *b = *state;
    const struct stats_snapshot *s = publish(b);
    struct procio_usage init = {0};
    assert_int_equal(s->storage.disk_free_bytes, STATS_UNKNOWN); /* no flusher has looked */
    if (!procio_usage_read(1, &init))                            /* the workers' pid here */
        skip();
    const double of_workers = (double)(s->workers[0].rss_bytes + s->workers[1].rss_bytes);
    assert_true(s->usage.cpu_s >= 2 * init.cpu_s);
    assert_true(of_workers > 0);
    /* With ours, of which qemu-user says that it is none (findings/). */
    assert_true(is_emulated() ? s->usage.rss_bytes >= of_workers : s->usage.rss_bytes > of_workers);
    b->flusher->pid = 0;
    publish(b);
    assert_int_equal(s->workers[0].rss_bytes, STATS_UNKNOWN);
    assert_true(isnan(s->workers[0].cpu_s));
}

/* --- a worker that does not move -------------------------------------------------------------- */

static void a_receiver_that_does_not_move_is_not_connected(void **state)
{
    struct bench *b = *state;
    say_link(b, true);
    const struct stats_mqtt *mqtt = publish(b)->mqtt;
    assert_true(mqtt->link.connected);
    assert_string_equal(mqtt->state, "live");
    fake_clock_advance(6 * US_PER_S);
    publish(b);
    assert_false(mqtt->link.connected);
    assert_string_equal(mqtt->state, "unknown");
    assert_string_equal(mqtt->link.last_error, "the receiver has not moved for 6 s");
    worker_beat(b->receivers[0]->slot, PHASE_RUN);
    publish(b);
    assert_true(mqtt->link.connected);
    worker_beat(b->receivers[0]->slot, PHASE_WAIT); /* holding is a wait by intent */
    fake_clock_advance(20 * US_PER_S);
    publish(b);
    assert_true(mqtt->link.connected);
}

static void a_flusher_that_does_not_move_does_not_ingest(void **state)
{
    struct bench *b = *state;
    struct flusher_status said = {.writer_count = 1, .database_ready = 1};
    seqlock_write(&b->workers.cb->flusher, &said);
    say_link(b, true);
    const struct stats_snapshot *s = publish(b);
    assert_non_null(strstr(s->status, "Ingesting from 1 of 1"));
    fake_clock_advance(7 * US_PER_S);
    publish(b);
    assert_string_equal(
        s->status, "Not writing: the flusher has not moved for 7 s; messages wait in the rings");
    assert_true(worker_state_is_silent(s->workers[0].state, s->workers[0].heartbeat_age_ms));
    b->flusher->pid = 0;
    b->flusher->state = WORKER_FAILED;
    strcpy(b->flusher->last_exit, "signal 9");
    publish(b);
    assert_string_equal(
        s->status, "Not writing: the flusher is failed (signal 9); messages wait in the rings");
    memset(said.commit.error, 'x', sizeof said.commit.error - 1); /* as long as there is */
    seqlock_write(&b->workers.cb->flusher, &said);
    publish(b);
    assert_memory_equal(s->status, "Not writing: xxx", 16);
    assert_non_null(strstr(s->status, "xxx; messages wait in the rings"));
}

/* --- the end ---------------------------------------------------------------------------------- */

static void a_clean_stop_is_no_error(void **state)
{
    struct bench *b = *state;
    say_link(b, true);
    const struct stats_snapshot *s = publish(b);
    assert_int_equal(s->stopped_at, 0);
    stats_publisher_end(b->publisher, "Stopping: the rings are emptied", false);
    worker_ask_to_stop(b->receivers[0], WORKER_STOP_DRAIN);
    worker_ask_to_stop(b->flusher, WORKER_STOP_DRAIN);
    publish(b);
    assert_int_equal(s->stopped_at, 0);
    assert_string_equal(s->status, "Stopping: the rings are emptied");
    b->receivers[0]->pid = b->flusher->pid = 0;
    b->receivers[0]->state = b->flusher->state = WORKER_STOPPED;
    strcpy(b->receivers[0]->last_exit, "exit 0");
    stats_publisher_end(b->publisher, "Stopped: 3 flushed, 0 left in the buffer", true);
    publish(b);
    assert_int_equal(s->stopped_at, NOW);
    assert_string_equal(s->status, "Stopped: 3 flushed, 0 left in the buffer");
    assert_string_equal(s->mqtt[0].state, "stopped");
    assert_string_equal(s->mqtt[0].link.last_error, "");
    assert_false(s->mqtt[0].link.connected);
}

/* --- what waits ------------------------------------------------------------------------------- */

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
#define TEST(f)     cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_TWO(f) cmocka_unit_test_setup_teardown(f, setup_two, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_known_of_a_flusher_that_said_nothing),
        TEST(rates_need_two_samples),
        TEST(packets_of_another_life_are_not_new),
        TEST(a_ledger_needs_both_halves),
        TEST(who_holds_the_database_is_said_at_any_moment),
        TEST(usage_is_the_sum_of_all_processes),
        TEST(a_receiver_that_does_not_move_is_not_connected),
        TEST(a_flusher_that_does_not_move_does_not_ingest),
        TEST(a_clean_stop_is_no_error),
        TEST_TWO(each_source_stalls_by_its_own_count),
        TEST_TWO(a_ring_that_nobody_attached_stalls),
        TEST_TWO(the_last_message_follows_the_clock_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
