/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/supervise/event_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW (INT64_C(1774798050) * US_PER_S)

/* One source with its receiver and the flusher, all well; a test changes what it is about. */
struct bench {
    struct event_watch *watch;
    struct stats_snapshot s;
    struct stats_mqtt *eu;
    struct stats_source *ledger;
    struct stats_worker *flusher, *receiver;
    int64_t told; /* the number of the last event that a test has read */
};

static void look(struct bench *b, int64_t seconds)
{
    b->s.sampled_at += seconds * US_PER_S;
    b->s.sampled_mono += seconds * US_PER_S;
    event_watch_look(b->watch, &b->s);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->watch = event_watch_new();
    assert_non_null(b->watch);
    b->s.sampled_at = NOW;
    b->s.sampled_mono = INT64_C(5000) * US_PER_S;
    strcpy(b->s.version, "1.2");
    b->s.mqtt_count = b->s.source_count = 1;
    b->eu = &b->s.mqtt[0];
    strcpy(b->eu->name, "eu");
    strcpy(b->eu->broker, "mqtt://host");
    strcpy(b->eu->state, "connecting");
    b->ledger = &b->s.sources[0];
    strcpy(b->ledger->name, "eu");
    b->ledger->has_ledger = true;
    b->s.worker_count = 2;
    b->flusher = &b->s.workers[0];
    b->receiver = &b->s.workers[1];
    strcpy(b->flusher->name, "flusher");
    strcpy(b->receiver->name, "receiver:eu");
    strcpy(b->receiver->source, "eu");
    for (size_t i = 0; i < 2; i++) {
        strcpy(b->s.workers[i].state, "running");
        b->s.workers[i].pid = 10;
    }
    b->s.writer_count = 1;
    strcpy(b->s.writers[0].component, "prune_packets");
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    event_watch_free(b->watch);
    free(b);
    return 0;
}

/* With the source connected, and all events so far read. */
static int setup_live(void **state)
{
    (void)setup(state);
    struct bench *b = *state;
    b->eu->link.connected = 1;
    strcpy(b->eu->state, "live");
    look(b, 0);
    b->told = event_watch_events(b->watch)->last_id;
    return 0;
}

static const struct stats_event *event(struct bench *b)
{
    const struct stats_events *events = event_watch_events(b->watch);
    size_t i = 0;
    while (i < events->count && events->all[i].id <= b->told)
        i++;
    assert_true(i < events->count);
    b->told = events->all[i].id;
    return &events->all[i];
}

#define TELLS(b, level_, kind_, text_)                                                             \
    do {                                                                                           \
        const struct stats_event *e_ = event(b);                                                   \
        assert_string_equal(e_->text, text_);                                                      \
        assert_string_equal(e_->level, level_);                                                    \
        assert_string_equal(e_->kind, kind_);                                                      \
        assert_int_equal(e_->last_unix, (b)->s.sampled_at / US_PER_S);                             \
    } while (0)
#define TELLS_NOTHING(b) assert_int_equal(event_watch_events((b)->watch)->last_id, (b)->told)

static void what_stands_there_at_the_start_is_no_news(void **state)
{
    struct bench *b = *state;
    b->ledger->ledger.outcomes[OUTCOME_DROPPED_QUEUE_FULL] = 900;
    b->s.commit.replaced_unix = 5;
    b->s.writers[0].rows_total = 44;
    b->flusher->restarts = 3;
    look(b, 0);
    TELLS(b, "pass", "start", "the ingestor has begun, version 1.2");
    look(b, 100);
    TELLS_NOTHING(b);
}

static void a_connection_comes_goes_and_comes_back(void **state)
{
    struct bench *b = *state;
    look(b, 0);
    b->told = 1;
    strcpy(b->eu->link.last_error, "refused");
    look(b, 1);
    TELLS(b, "warn", "source", "eu can't connect: refused");
    look(b, 1);
    TELLS_NOTHING(b);
    b->eu->link.connected = 1;
    b->eu->link.last_error[0] = '\0';
    strcpy(b->eu->state, "live");
    look(b, 6);
    TELLS(b, "pass", "source", "eu is connected again after 7 s");
    b->eu->link.connected = 0;
    strcpy(b->eu->link.last_error, "connection reset");
    look(b, 1000);
    TELLS(b, "warn", "source", "eu has lost its connection: connection reset");
}

static void a_receiver_that_was_asked_to_end_loses_nothing(void **state)
{
    struct bench *b = *state;
    b->eu->link.connected = 0;
    strcpy(b->eu->state, "stopping");
    strcpy(b->receiver->state, "stopping");
    look(b, 1);
    strcpy(b->eu->state, "stopped");
    strcpy(b->receiver->state, "stopped");
    look(b, 1);
    TELLS_NOTHING(b);
}

static void silence_and_refusals_are_said_once(void **state)
{
    struct bench *b = *state;
    strcpy(b->eu->state, "silent");
    b->eu->link.subscription_count = 1;
    strcpy(b->eu->link.subscriptions[0].topic, "meshcore/#");
    b->eu->link.subscriptions[0].suback = 0x87;
    look(b, 1);
    TELLS(b, "warn", "source", "eu is connected, but has fallen silent");
    TELLS(b, "warn", "source", "the broker of eu refused meshcore/# (0x87)");
    look(b, 1);
    TELLS_NOTHING(b);
    strcpy(b->eu->state, "live");
    b->eu->link.sessions_lost = 1;
    look(b, 1);
    TELLS(b, "pass", "source", "eu is heard again");
    TELLS(b, "warn", "source",
          "the broker of eu had no session: what came meanwhile may be missing");
}

/* The first death is followed by a start within the same tick: only the count shows it. */
static void a_worker_that_died_is_said_with_its_reason(void **state)
{
    struct bench *b = *state;
    b->flusher->restarts = 1;
    strcpy(b->flusher->last_exit, "signal 9");
    look(b, 1);
    TELLS(b, "warn", "worker", "flusher ended (signal 9) and was started again");
    b->receiver->restarts = 1;
    strcpy(b->receiver->last_exit, "exit 75");
    look(b, 1);
    TELLS(b, "pass", "worker", "receiver:eu ended (exit 75) and was started again");
    strcpy(b->flusher->state, "backing_off");
    b->flusher->pid = 0;
    look(b, 1);
    TELLS(b, "warn", "worker", "flusher is backing off, last exit: signal 9");
    look(b, 1);
    TELLS_NOTHING(b);
    strcpy(b->flusher->state, "running");
    b->flusher->restarts = 2;
    b->flusher->pid = 11;
    look(b, 1);
    TELLS(b, "pass", "worker", "flusher runs again");
    b->flusher->heartbeat_age_ms = 6000;
    look(b, 1);
    TELLS(b, "fail", "worker", "flusher does not move any more");
    b->flusher->heartbeat_age_ms = 10;
    b->receiver->backpressure_since_unix = 9;
    look(b, 1);
    TELLS(b, "pass", "worker", "flusher moves again");
    TELLS(b, "warn", "pressure",
          "the buffer of eu is filled above softThreshold: only what is rare enters");
    b->receiver->backpressure_since_unix = 0;
    look(b, 1);
    TELLS(b, "pass", "pressure", "the buffer of eu has room again");
    strcpy(b->flusher->state, "suspended");
    b->flusher->last_exit[0] = '\0';
    b->flusher->heartbeat_age_ms = 6000;
    look(b, 1);
    TELLS(b, "warn", "worker", "flusher is suspended");
    strcpy(b->flusher->state, "running");
    b->flusher->heartbeat_age_ms = 10;
    look(b, 1);
    TELLS(b, "pass", "worker", "flusher runs again");
}

static void losses_are_said_when_they_begin_and_when_they_are_over(void **state)
{
    struct bench *b = *state;
    uint64_t *outcomes = b->ledger->ledger.outcomes;
    for (int i = 0; i < 5; i++) {
        outcomes[OUTCOME_DROPPED_QUEUE_FULL] += 10;
        outcomes[OUTCOME_COMMITTED] += 100;
        look(b, 1);
    }
    b->s.sampled_at -= 4 * US_PER_S; /* of the first */
    TELLS(b, "fail", "loss", "messages of eu are lost: dropped, queue_full");
    b->s.sampled_at += 4 * US_PER_S;
    TELLS_NOTHING(b);
    look(b, 9);
    TELLS_NOTHING(b);
    look(b, 1);
    TELLS(b, "warn", "loss", "50 messages of eu were lost in 5 s");
    outcomes[OUTCOME_DROPPED_QUEUE_FULL] = 2; /* another ring's count */
    look(b, 1);
    TELLS_NOTHING(b);
    outcomes[OUTCOME_DEAD]++;
    look(b, 1);
    TELLS(b, "fail", "loss", "messages of eu are lost: dead");
}

static void the_writer_says_when_it_can_not_write(void **state)
{
    struct bench *b = *state;
    strcpy(b->s.commit.error, "disk full");
    strcpy(b->s.commit.rings_error, "a.ring: newer");
    look(b, 1);
    TELLS(b, "fail", "database", "nothing can be written, messages wait: disk full");
    TELLS(b, "warn", "database", "not all rings can be read: a.ring: newer");
    strcpy(b->s.commit.error, "disk full, still");
    look(b, 1);
    TELLS_NOTHING(b);
    b->s.commit.error[0] = b->s.commit.rings_error[0] = '\0';
    b->s.commit.replaced_unix = NOW / US_PER_S;
    look(b, 11);
    TELLS(b, "pass", "database", "the database is written again after 12 s");
    TELLS(b, "pass", "database", "all rings are read again");
    TELLS(b, "warn", "database",
          "a file of the database was replaced or deleted: what its name leads to was opened");
}

static void retention_is_one_sentence(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 30; i++) {
        b->s.writers[0].rows_total += 100;
        look(b, 1);
    }
    look(b, 59);
    TELLS_NOTHING(b);
    look(b, 1);
    TELLS(b, "pass", "retention", "retention let 3000 rows go in 30 s");
}

static void a_clock_that_is_set_is_said(void **state)
{
    struct bench *b = *state;
    look(b, 100);
    TELLS_NOTHING(b);
    b->s.sampled_at += INT64_C(3600) * US_PER_S;
    look(b, 1);
    TELLS(b, "warn", "clock", "the clock went forward by 3600 s: it was set, or the machine slept");
    b->s.sampled_at -= 30 * US_PER_S;
    look(b, 1);
    TELLS(b, "warn", "clock", "the clock went back by 30 s: it was set, or the machine slept");
    event_watch_say(b->watch, STATS_EVENT_RELOAD, "pass", "configuration reloaded");
    assert_string_equal(event(b)->text, "configuration reloaded");
}

/* As many sources and workers as there can be, all of them in trouble, and then as many others in
 * their places: nothing is written past a table, and the list is bounded. */
static void everything_at_once_is_bounded(void **state)
{
    struct bench *b = *state;
    b->s.mqtt_count = CONFIG_SOURCES_MAX;
    b->s.source_count = STATS_SOURCES_MAX;
    b->s.worker_count = STATS_WORKERS_MAX;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++) {
            (void)snprintf(b->s.mqtt[i].name, sizeof b->s.mqtt[i].name, "%d-%zu", round / 4, i);
            b->s.mqtt[i].link.connected = round % 2;
            memset(b->s.mqtt[i].link.last_error, 'e', sizeof b->s.mqtt[i].link.last_error - 1);
        }
        for (size_t i = 0; i < STATS_WORKERS_MAX; i++) {
            (void)snprintf(b->s.workers[i].name, sizeof b->s.workers[i].name, "%d-%zu", round / 4,
                           i);
            strcpy(b->s.workers[i].state, round % 2 ? "failed" : "running");
        }
        look(b, 1);
    }
    assert_int_equal(event_watch_events(b->watch)->count, STATS_EVENTS_MAX);
    assert_string_equal(event_watch_events(b->watch)->all[STATS_EVENTS_MAX - 1].subject, "4-65");
}

int main(void)
{
#define TEST(f)      cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_LIVE(f) cmocka_unit_test_setup_teardown(f, setup_live, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_stands_there_at_the_start_is_no_news),
        TEST(a_connection_comes_goes_and_comes_back),
        TEST_LIVE(a_receiver_that_was_asked_to_end_loses_nothing),
        TEST_LIVE(silence_and_refusals_are_said_once),
        TEST_LIVE(a_worker_that_died_is_said_with_its_reason),
        TEST_LIVE(losses_are_said_when_they_begin_and_when_they_are_over),
        TEST_LIVE(the_writer_says_when_it_can_not_write),
        TEST_LIVE(retention_is_one_sentence),
        TEST_LIVE(a_clock_that_is_set_is_said),
        TEST(everything_at_once_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
