/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/ops/ops.h"
#include "cmd/server/traffic/traffic.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define START INT64_C(1795960800) /* a whole hour */
#define MB    INT64_C(1000000)

/* A server whose seconds are made: one source, which brings `rate` messages a second. */
struct bench {
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    struct history *history;
    struct ops *ops;
    struct stats_view *view;
    struct stats_snapshot *s;
    struct http_counts counts;
    struct own_process process;
    struct moments moments;
    struct db_state db;
    int64_t now_s;
    bool is_stale;
};

static void open_ops(struct bench *b)
{
    struct err err;
    b->history = history_new(figure_names, FIGURE_COUNT, b->path, &err);
    assert_non_null(b->history);
    b->ops = ops_new(b->history);
    assert_non_null(b->ops);
}

static void close_ops(struct bench *b)
{
    ops_free(b->ops);
    history_free(b->history);
}

static void second(struct bench *b, double rate)
{
    b->now_s++;
    fake_clock_advance(US_PER_S);
    if (!b->is_stale) {
        b->s->seq++;
        b->s->sampled_at = clock_wall();
        b->s->sampled_mono = clock_mono();
        b->s->ledger_total.received += (uint64_t)rate;
        b->s->ledger_total.outcomes[OUTCOME_COMMITTED] += (uint64_t)rate;
        if (rate > 0)
            b->s->mqtt[0].last_packet_unix = b->now_s;
    }
    b->db.polled_mono = clock_mono();
    struct moment moment = {.from = &b->moments,
                            .stats = b->view,
                            .db = b->db,
                            .wall = clock_wall(),
                            .mono = clock_mono(),
                            .sample_now = clock_wall()};
    ops_every_second(b->ops, &moment);
    health_watch_release(b->moments.health, moment.health);
}

static void minutes(struct bench *b, int count, double rate)
{
    for (int i = 0; i < 60 * count; i++)
        second(b, rate);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    temp_dir_make(b->dir);
    temp_dir_path(b->dir, "history.bin", b->path);
    b->now_s = START;
    fake_clock_install(START * US_PER_S, INT64_C(100000) * US_PER_S);
    b->view = calloc(1, sizeof *b->view);
    assert_non_null(b->view);
    b->view->status = STATUS_OK;
    b->s = &b->view->snapshot;
    b->s->started_at = START * US_PER_S;
    b->s->has_ledger = true;
    b->s->mqtt_count = 1;
    b->s->mqtt[0].link.connected = 1;
    strcpy(b->s->mqtt[0].name, "eu");
    strcpy(b->s->mqtt[0].state, "live");
    b->s->storage.disk_free_bytes = 5000 * MB;
    b->s->storage.limit_bytes = STATS_UNKNOWN;
    db_state_forget(&b->db);
    b->db.page_size = 1000;
    b->db.page_count = 1000 * MB / 1000;
    b->moments.http = &b->counts;
    b->moments.process = &b->process;
    b->moments.traffic = traffic_new(NULL, 0);
    b->moments.health = health_watch_new();
    assert_true(b->moments.traffic != NULL && b->moments.health != NULL);
    open_ops(b);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    close_ops(b);
    health_watch_free(b->moments.health);
    traffic_free(b->moments.traffic);
    temp_dir_remove(b->dir);
    fake_clock_remove();
    free(b->view);
    free(b);
    return 0;
}

static struct ops_figure figure(struct bench *b, enum figure which)
{
    struct ops_view view;
    ops_look(b->ops, &view);
    return view.figures[which];
}

/* How many events say so; *out_level of the last. */
static int events_that_say(struct bench *b, const char *text, const char **out_level)
{
    static struct stats_event events[STATS_EVENTS_MAX];
    int64_t last;
    int found = 0;
    const size_t count = ops_events(b->ops, 0, STATS_EVENTS_MAX, events, &last);
    for (size_t i = 0; i < count; i++) {
        if (strstr(events[i].text, text) == NULL)
            continue;
        found++;
        *out_level = events[i].level;
    }
    return found;
}

/* The usual, the flag and its freezing outlive the server: they are played again. */
static void test_a_stall_is_known_over_a_restart(void **state)
{
    struct bench *b = *state;
    const char *level = "";
    minutes(b, 5, 12);
    assert_int_equal(figure(b, FIGURE_received).verdict, ANOMALY_LEARNING);
    minutes(b, 25, 12);
    assert_int_equal(figure(b, FIGURE_received).verdict, ANOMALY_USUAL);
    assert_true(figure(b, FIGURE_received).band.median == 12);
    minutes(b, 4, 0);
    assert_int_equal(figure(b, FIGURE_received).verdict, ANOMALY_LOW);
    assert_int_equal(events_that_say(b, "messages that came in: far below what is usual", &level),
                     1);
    assert_string_equal(level, "warn");
    const int64_t since = figure(b, FIGURE_received).since_unix;
    close_ops(b);
    open_ops(b);
    minutes(b, 1, 0);
    assert_int_equal(figure(b, FIGURE_received).verdict, ANOMALY_LOW);
    assert_int_equal(figure(b, FIGURE_received).since_unix, since);
    assert_true(figure(b, FIGURE_received).band.median == 12);
    assert_int_equal(events_that_say(b, "far below", &level), 0); /* it is no news */
    minutes(b, 7, 12);
    assert_int_equal(figure(b, FIGURE_received).verdict, ANOMALY_USUAL);
    assert_int_equal(events_that_say(b, "messages that came in: as usual again", &level), 1);
}

static void test_silence_is_an_event_at_both_ends(void **state)
{
    struct bench *b = *state;
    const char *level = "";
    minutes(b, 1, 3);
    for (int i = 0; i < 31; i++)
        second(b, 0);
    assert_int_equal(events_that_say(b, "eu is connected and has brought nothing for 31 s", &level),
                     1);
    assert_string_equal(level, "warn");
    second(b, 3);
    assert_int_equal(events_that_say(b, "eu brings messages again", &level), 1);
}

/* The ingestor's own, once each; a run that is new has numbers from one again. */
static void test_events_are_taken_over_once(void **state)
{
    struct bench *b = *state;
    const char *level = "";
    b->s->event_count = 2;
    for (int i = 0; i < 2; i++) {
        b->s->events[i] = (struct stats_event){
            .id = i + 1, .at_unix = START, .last_unix = START, .times = 1, .text = "a beginning"};
    }
    second(b, 1);
    second(b, 1);
    assert_int_equal(events_that_say(b, "a beginning", &level), 2);
    b->s->started_at += US_PER_S;
    b->s->event_count = 1;
    second(b, 1);
    assert_int_equal(events_that_say(b, "a beginning", &level), 3);
    assert_int_equal(events_that_say(b, "the server has begun", &level), 1);
}

static void test_an_ingestor_that_is_not_heard_of(void **state)
{
    struct bench *b = *state;
    const char *level = "";
    minutes(b, 1, 3);
    b->is_stale = true;
    minutes(b, 1, 0);
    assert_int_equal(events_that_say(b, "ingestor: stale", &level), 1);
    assert_int_equal(figure(b, FIGURE_received).verdict, ANOMALY_UNKNOWN);
    assert_true(isnan(figure(b, FIGURE_received).value));
    b->is_stale = false;
    second(b, 3);
    assert_int_equal(events_that_say(b, "the ingestor is heard of", &level), 1);
    b->db.losses++;
    second(b, 3);
    assert_int_equal(events_that_say(b, "the server has opened it anew", &level), 1);
}

/* Two hours that grow by a megabyte a minute: 1,440 a day. */
static void test_the_forecast_is_read_from_the_history(void **state)
{
    struct bench *b = *state;
    struct ops_view view;
    for (int i = 0; i < 130; i++) {
        b->db.page_count += MB / 1000;
        minutes(b, 1, 1);
    }
    ops_look(b->ops, &view);
    assert_true(fabs(view.forecast.growth_per_day / (1440.0 * MB) - 1) < 0.05);
    assert_true(fabs(view.forecast.days_to_disk - 5000.0 / 1440) < 0.3);
    assert_true(isnan(view.forecast.days_to_limit));
    b->s->storage.limit_bytes = 1130 * MB + 144 * MB;
    second(b, 1);
    ops_look(b->ops, &view);
    assert_true(fabs(view.forecast.days_to_limit - 0.1) < 0.01);
}

/* A look every five minutes is all that the forecast needs. */
static void five_minutes(struct bench *b, int64_t growth)
{
    b->now_s += 299;
    fake_clock_advance(299 * US_PER_S);
    b->db.page_count += growth / 1000;
    second(b, 1);
}

static bool is_growth_told(struct bench *b)
{
    const struct health_report *report = health_watch_peek(b->moments.health);
    const bool is_told = health_find(report, "growth") != NULL;
    health_watch_release(b->moments.health, report);
    return is_told;
}

/* Of a disk that has 2 days at that pace; not of the first hours, nor where a limit comes first. */
static void test_a_disk_that_is_full_in_days_is_a_warning(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 5 * 12; i++)
        five_minutes(b, 9 * MB);
    assert_false(is_growth_told(b));
    for (int i = 0; i < 3 * 12; i++)
        five_minutes(b, 9 * MB);
    assert_true(is_growth_told(b));
    b->s->storage.limit_bytes = b->db.page_count * 1000 + 100 * MB;
    second(b, 1);
    second(b, 1);
    assert_false(is_growth_told(b));
    b->s->storage.limit_bytes = STATS_UNKNOWN;
    b->s->storage.disk_free_bytes = 50000 * MB;
    second(b, 1);
    second(b, 1);
    assert_false(is_growth_told(b));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_stall_is_known_over_a_restart),
        TEST(test_silence_is_an_event_at_both_ends),
        TEST(test_events_are_taken_over_once),
        TEST(test_an_ingestor_that_is_not_heard_of),
        TEST(test_the_forecast_is_read_from_the_history),
        TEST(test_a_disk_that_is_full_in_days_is_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
