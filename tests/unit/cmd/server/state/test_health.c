/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/moment/moment.h"
#include "cmd/server/api/routes.h"
#include "cmd/server/state/health.h"
#include "common/health/health_ingestor.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S INT64_C(1774798050)

struct scene {
    struct stats_snapshot stats;
    struct db_state db;
    struct health_input input;
    struct health_report before, report;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->db.polled_mono = 1000 * US_PER_S;
    s->db.transmissions = 3;
    s->db.observations = 5;
    s->stats.schema = 1;
    s->stats.sampled_at = NOW_S * US_PER_S;
    s->stats.sampled_mono = STATS_UNKNOWN;
    s->stats.mqtt_count = 1;
    strcpy(s->stats.mqtt[0].name, "eu");
    strcpy(s->stats.mqtt[0].state, "live");
    s->stats.mqtt[0].link.connected = true;
    s->stats.worker_count = 1;
    strcpy(s->stats.workers[0].name, "receiver:eu");
    strcpy(s->stats.workers[0].state, "running");
    s->input = (struct health_input){.stats_status = STATUS_OK,
                                     .stats = &s->stats,
                                     .db = &s->db,
                                     .wall = NOW_S * US_PER_S,
                                     .mono = 1000 * US_PER_S};
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void judge(struct scene *s)
{
    s->before = s->report;
    health_judge(&s->input, &s->before, &s->report);
}

static const struct health_check *check_named(const struct scene *s, const char *name)
{
    const struct health_check *check = health_find(&s->report, name);
    if (check == NULL)
        fail_msg("no check is named %s", name);
    return check;
}

/* The body of /api/healthz for the last judgement; free() it. */
static char *render(const struct scene *s, bool is_strict, int *out_status)
{
    static const struct http_parameter strict[] = {{"strict", HTTP_PARAMETER_FLAG, NULL}, {0}};
    const struct http_query queries[2] = {{0}, {.declared = strict, .values = {"1"}}};
    struct stats_view *view = calloc(1, sizeof *view);
    view->status = s->input.stats_status;
    view->snapshot = s->stats;
    struct moment moment = {.stats = view,
                            .db = s->db,
                            .wall = s->input.wall,
                            .mono = s->input.mono,
                            .health = &s->report};
    const struct http_request request = {.query = &queries[is_strict]};
    struct http_reply reply = {.status = 200};
    for (size_t i = 0; i < api_health_routes.count; i++) {
        if (strcmp(api_health_routes.rows[i].path, "/api/healthz") == 0)
            api_health_routes.rows[i].renderer(&moment, &request, &reply);
    }
    free(view);
    assert_non_null(reply.body);
    *out_status = reply.status;
    return reply.body;
}

static void assert_warns(struct scene *s, const char *name)
{
    judge(s);
    assert_int_equal(s->report.level, HEALTH_WARN);
    const struct health_check *check = check_named(s, name);
    assert_int_equal(check->level, HEALTH_WARN);
    int status = 0;
    char *body = render(s, false, &status);
    assert_int_equal(status, 200); /* the read side still serves */
    free(body);
    body = render(s, true, &status);
    assert_int_equal(status, 503);
    free(body);
}

static void test_all_well_passes(void **state)
{
    struct scene *s = *state;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    int status = 0;
    char *body = render(s, true, &status);
    assert_int_equal(status, 200);
    cJSON *root = cJSON_Parse(body);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(root, "ready")));
    assert_null(cJSON_GetObjectItem(root, "reason"));
    assert_string_equal(cJSON_GetObjectItem(root, "status")->valuestring, "pass");
    assert_true(cJSON_GetObjectItem(root, "loadedTx")->valuedouble == 3.0);
    assert_true(cJSON_GetObjectItem(root, "loadedObs")->valuedouble == 5.0);
    const cJSON *backfill = cJSON_GetObjectItem(root, "from_pubkey_backfill");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(backfill, "done")));
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "checks"), "source:eu"));
    cJSON_Delete(root);
    free(body);
}

static void test_starting_fails_with_loading(void **state)
{
    struct scene *s = *state;
    s->db.polled_mono = 0;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_FAIL);
    assert_string_equal(s->report.reason, "loading");
    int status = 0;
    char *body = render(s, false, &status);
    assert_int_equal(status, 503);
    assert_non_null(strstr(body, "\"ready\":false,\"reason\":\"loading\""));
    free(body);
}

static void test_a_lost_database_fails_after_five_seconds(void **state)
{
    struct scene *s = *state;
    s->input.mono = s->db.polled_mono + 5 * US_PER_S;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    assert_null(health_not_ready(&s->db, s->input.mono, false));
    s->input.mono++;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_FAIL);
    assert_string_equal(health_not_ready(&s->db, s->input.mono, false), "database");
}

static void test_a_newer_schema_is_not_ready(void **state)
{
    struct scene *s = *state;
    s->db.last_status = STATUS_NEWER;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_FAIL);
    assert_string_equal(health_not_ready(&s->db, s->input.mono, false), "schema");
}

/* Everything that reads it is refused until then. */
static void test_an_older_schema_is_not_ready(void **state)
{
    struct scene *s = *state;
    s->db.last_status = STATUS_OLDER;
    s->db.schema_version = 3;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_FAIL);
    assert_string_equal(health_not_ready(&s->db, s->input.mono, false), "schema");
    assert_non_null(strstr(check_named(s, "database")->output, "the database's schema 3 is older"));
}

static void test_draining_is_not_ready_but_healthy(void **state)
{
    struct scene *s = *state;
    assert_string_equal(health_not_ready(&s->db, s->input.mono, true), "draining");
}

static void test_missing_damaged_and_stale_statistics_warn(void **state)
{
    struct scene *s = *state;
    s->input.stats_status = STATUS_NOT_FOUND;
    assert_warns(s, "ingestor");
    s->input.stats_status = STATUS_CORRUPT;
    assert_warns(s, "ingestor");
    s->input.stats_status = STATUS_OK;
    s->input.wall += STATS_FRESH_SECONDS * US_PER_S;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->input.wall++;
    assert_warns(s, "ingestor");
    assert_warns(s, "source:eu"); /* stale is unknown, never ok */
}

/* NTP, or a hand: on one boot the monotonic clock tells how old the sample is, and whatever the
 * ingestor stamped before. */
static void test_a_step_of_the_clock_makes_nothing_stale(void **state)
{
    struct scene *s = *state;
    s->stats.sampled_mono = s->input.mono - US_PER_S;
    s->stats.source_count = 1;
    s->stats.sources[0].records = 4;
    s->stats.commit.last_unix = NOW_S;
    s->stats.workers[0].backpressure_since_unix = 0;
    for (int64_t step = -400 * INT64_C(86400); step <= 400 * INT64_C(86400); step += 86400) {
        s->input.wall = (NOW_S + step) * US_PER_S;
        judge(s);
        assert_int_equal(s->report.level, HEALTH_PASS);
    }
    s->stats.sampled_mono = s->input.mono - 6 * US_PER_S; /* and it hides no death */
    s->input.wall = s->stats.sampled_at;
    assert_warns(s, "ingestor");
    s->stats.sampled_mono = STATS_UNKNOWN; /* another machine's: its wall clock is all there is */
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
}

static void test_bad_sources_and_workers_are_named(void **state)
{
    struct scene *s = *state;
    s->stats.mqtt[0].link.connected = false;
    strcpy(s->stats.mqtt[0].state, "backing_off");
    strcpy(s->stats.mqtt[0].link.last_error, "no route");
    assert_warns(s, "source:eu");
    assert_non_null(strstr(check_named(s, "source:eu")->output, "backing off: no route"));
    s->stats.mqtt[0].link.connected = true;
    strcpy(s->stats.mqtt[0].state, "live");
    s->stats.mqtt[0].link.subscription_count = 1;
    s->stats.mqtt[0].link.subscriptions[0].suback = 0x87;
    assert_warns(s, "source:eu");
    s->stats.mqtt[0].link.subscriptions[0].suback = 0;
    strcpy(s->stats.mqtt[0].link.last_error, "broker grants QoS 0");
    assert_warns(s, "source:eu");
    s->stats.mqtt[0].link.last_error[0] = '\0';
    s->stats.mqtt[0].link.session_lost_unix = NOW_S - HEALTH_SESSION_MEMORY_S + 1;
    assert_warns(s, "source:eu");
    s->stats.mqtt[0].link.session_lost_unix--;
    judge(s);
    assert_int_equal(check_named(s, "source:eu")->level, HEALTH_PASS);
    s->stats.mqtt[0].link.session_lost_unix = 0;
    s->stats.workers[0].backpressure_since_unix = NOW_S - 3;
    assert_warns(s, "worker:receiver:eu");
    s->stats.workers[0].backpressure_since_unix = 0;
    strcpy(s->stats.workers[0].state, "failed");
    assert_warns(s, "worker:receiver:eu");
    strcpy(s->stats.workers[0].state, "held");
    assert_warns(s, "worker:receiver:eu");
    strcpy(s->stats.workers[0].state, "running");
    s->stats.mqtt_count = 0;
    s->stats.zero_sources = true;
    assert_warns(s, "sources");
}

static void test_losses_warn_for_a_minute(void **state)
{
    struct scene *s = *state;
    s->stats.ledger_total.outcomes[OUTCOME_DROPPED_SOFT] = 900; /* at a time that nobody knows */
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->stats.metrics[METRIC_LAST_LOSS] = NOW_S - HEALTH_LOSS_MEMORY_S;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->stats.metrics[METRIC_LAST_LOSS] = NOW_S - HEALTH_LOSS_MEMORY_S + 1;
    assert_warns(s, "loss");
    assert_non_null(strstr(check_named(s, "loss")->output, "900 messages lost"));
    s->stats.metrics[METRIC_LAST_LOSS] = 0;
    s->stats.ledger_total.unaccounted = 1;
    assert_warns(s, "ledger");
}

static void test_since_is_kept_while_the_level_stays(void **state)
{
    struct scene *s = *state;
    judge(s);
    s->input.wall += 2 * US_PER_S;
    judge(s);
    assert_int_equal(check_named(s, "database")->since_unix, NOW_S);
    s->stats.mqtt[0].link.connected = false;
    judge(s);
    assert_int_equal(check_named(s, "source:eu")->since_unix, NOW_S + 2);
    assert_int_equal(check_named(s, "database")->since_unix, NOW_S);
}

static void test_a_writer_that_does_not_commit_warns(void **state)
{
    struct scene *s = *state;
    s->stats.source_count = 1;
    s->stats.sources[0].records = 10;
    s->stats.sources[0].stalled_s = HEALTH_COMMIT_PATIENCE_S;
    s->stats.commit.last_unix = NOW_S - 3000; /* a clock that was set: no matter */
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->stats.sources[0].stalled_s++;
    assert_warns(s, "commit");
    s->stats.sources[0].records = s->stats.sources[0].stalled_s =
        0; /* nothing to commit is no fault */
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    strcpy(s->stats.commit.error, "disk full");
    assert_warns(s, "commit");
}

/* It waits for its lock, migrates, or is started again and again: however fresh its beats are. */
static void test_a_writer_that_never_committed_while_messages_wait_warns(void **state)
{
    struct scene *s = *state;
    s->stats.source_count = 1;
    s->stats.sources[0].records = 1;
    s->stats.commit.last_unix = 0;
    assert_warns(s, "commit");
    s->stats.sources[0].records = 0;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
}

static void test_a_writer_that_is_away_while_messages_wait_warns(void **state)
{
    struct scene *s = *state;
    s->stats.source_count = 1;
    s->stats.sources[0].records = 3;
    s->stats.commit.last_unix = NOW_S;
    strcpy(s->stats.workers[0].name, "flusher");
    strcpy(s->stats.workers[0].kind, "flusher");
    strcpy(s->stats.workers[0].state, "migrating");
    assert_warns(s, "commit");
    strcpy(s->stats.workers[0].state, "waiting_for_lock");
    strcpy(s->stats.workers[0].lock_holder, "pid 12 (weir-import)");
    assert_warns(s, "worker:flusher");
    assert_string_equal(check_named(s, "worker:flusher")->output,
                        "waiting for lock, its lock is held by pid 12 (weir-import)");
    strcpy(s->stats.workers[0].state, "backing_off");
    strcpy(s->stats.workers[0].last_exit, "exit 75");
    assert_warns(s, "worker:flusher");
    assert_string_equal(
        check_named(s, "worker:flusher")->output,
        "backing off, last exit: exit 75, its lock is held by pid 12 (weir-import)");
    strcpy(s->stats.workers[0].state, "starting"); /* again: it still waits */
    assert_warns(s, "worker:flusher");
    s->stats.workers[0].lock_holder[0] = '\0';
    s->stats.sources[0].records = 0;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
}

/* The commits of the others say nothing about a source whose ring is not read. */
static void test_one_stalled_source_is_named(void **state)
{
    struct scene *s = *state;
    s->stats.source_count = 3;
    strcpy(s->stats.sources[0].name, "us");
    s->stats.sources[0].records = 7;
    strcpy(s->stats.sources[1].name, "eu");
    s->stats.sources[1].records = 12;
    s->stats.sources[1].stalled_s = 31;
    strcpy(s->stats.sources[2].name, "http");
    s->stats.commit.last_unix = NOW_S;
    assert_warns(s, "source:eu");
    assert_string_equal(check_named(s, "source:eu")->output,
                        "live; 12 messages wait, and none was stored for 31 s");
    assert_int_equal(check_named(s, "commit")->level, HEALTH_PASS);
    s->stats.sources[1].stalled_s = 0;
    s->stats.sources[2].records = 1;
    s->stats.sources[2].stalled_s = 11;
    assert_warns(s, "source:http"); /* it has no broker, but messages */
    s->stats.sources[2].stalled_s = STATS_UNKNOWN;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    strcpy(s->stats.commit.rings_error, "eu-00.ring: Too many open files");
    assert_warns(s, "rings");
}

/* A clock that jumps again and again would let the disk fill without a word. */
static void test_retention_that_waits_for_the_clock_warns_after_an_hour(void **state)
{
    struct scene *s = *state;
    s->stats.commit.retention_waits_s = 3600;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->stats.commit.retention_waits_s = 3601;
    assert_warns(s, "retention");
}

static void test_a_disk_that_is_nearly_full_warns(void **state)
{
    struct scene *s = *state;
    s->stats.storage.disk_bytes = INT64_C(64) << 30;
    s->stats.storage.disk_free_bytes = s->stats.storage.disk_bytes / 10 + 1;
    judge(s);
    assert_string_equal(check_named(s, "disk")->output, "6.4 GiB of 64.0 GiB are free");
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->stats.storage.disk_free_bytes = INT64_C(700) << 20;
    assert_warns(s, "disk");
    assert_non_null(strstr(check_named(s, "disk")->output, "700 MiB of 64.0 GiB are left"));
    s->stats.storage.disk_bytes = INT64_C(4) << 40; /* 5 % of it is a lot */
    s->stats.storage.disk_free_bytes = INT64_C(200) << 30;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->stats.storage.disk_free_bytes = INT64_C(9) << 30;
    assert_warns(s, "disk");
    s->stats.storage.disk_free_bytes = STATS_UNKNOWN;
    judge(s);
    assert_null(health_find(&s->report, "disk"));
    s->input.disk_full_in_s = HEALTH_DISK_TIME_S;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->input.disk_full_in_s = 2 * INT64_C(86400);
    assert_warns(s, "growth");
    assert_non_null(strstr(check_named(s, "growth")->output, "full in 2.0 days"));
}

static void test_a_log_that_does_not_begin_anew_warns(void **state)
{
    struct scene *s = *state;
    s->stats.started_at = (NOW_S - 7200) * US_PER_S;
    s->stats.storage.log_bytes = HEALTH_LOG_BYTES;
    s->stats.storage.checkpoint_whole_unix = NOW_S - HEALTH_LOG_PATIENCE_S;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->stats.storage.log_bytes++; /* however fresh the last checkpoint is */
    assert_warns(s, "wal");
    s->stats.storage.log_bytes = HEALTH_LOG_LONG_BYTES + 1;
    s->stats.storage.checkpoint_whole_unix--;
    assert_warns(s, "wal");
    assert_non_null(strstr(check_named(s, "wal")->output, "has grown to 64 MiB"));
    assert_non_null(strstr(check_named(s, "wal")->output, "was 601 s ago"));
    s->stats.storage.log_bytes--; /* what waits for that is short: an idle writer */
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->stats.storage.log_bytes = HEALTH_LOG_LONG_BYTES + 1;
    s->stats.storage.checkpoint_whole_unix = 0; /* none yet: since it began */
    assert_warns(s, "wal");
    s->stats.started_at = (NOW_S - 60) * US_PER_S;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->stats.storage.log_bytes = STATS_UNKNOWN;
    judge(s);
    assert_null(health_find(&s->report, "wal"));
}

static void test_a_clock_that_was_set_warns_for_a_while(void **state)
{
    struct scene *s = *state;
    s->stats.event_count = 3;
    s->stats.events[0] = (struct stats_event){.last_unix = NOW_S - 1, .kind = "clock"};
    s->stats.events[1] = (struct stats_event){
        .last_unix = NOW_S - 40, .kind = "clock", .text = "the clock went back by 3600 s"};
    s->stats.events[2] = (struct stats_event){.last_unix = NOW_S, .kind = "source"};
    assert_warns(s, "clock");
    assert_string_equal(check_named(s, "clock")->output,
                        "the clock went back by 3600 s (40 s ago)");
    s->stats.events[1].last_unix = NOW_S - HEALTH_CLOCK_MEMORY_S;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
    s->stats.events[1].last_unix = NOW_S + 400; /* of a time that has not been */
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
}

/* A file of CoreScope's has neither ledger nor queue: no word about them, and none to
 * warn of later. */
static void test_what_the_file_does_not_tell_is_not_judged(void **state)
{
    struct scene *s = *state;
    s->stats.schema = STATS_UNKNOWN;
    s->stats.source_count = 1;
    s->stats.sources[0].records = STATS_UNKNOWN;
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++)
        s->stats.ledger_total.outcomes[o] = STATS_UNKNOWN_COUNT;
    judge(s);
    for (size_t i = 0; i < s->report.count; i++) {
        assert_string_not_equal(s->report.checks[i].name, "loss");
        assert_string_not_equal(s->report.checks[i].name, "commit");
    }
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++)
        s->stats.ledger_total.outcomes[o] = 7;
    s->stats.metrics[METRIC_LAST_LOSS] = STATS_UNKNOWN; /* an older ingestor's file */
    judge(s);
    assert_int_equal(check_named(s, "loss")->level, HEALTH_PASS);
}

static void test_absurd_queues_do_not_overflow(void **state)
{
    struct scene *s = *state;
    s->stats.source_count = 2;
    s->stats.sources[0].records = s->stats.sources[1].records = INT64_MAX;
    s->stats.sources[0].stalled_s = s->stats.sources[1].stalled_s = INT64_MAX;
    assert_warns(s, "commit");
}

static void test_a_replaced_database_is_named_for_a_while(void **state)
{
    struct scene *s = *state;
    s->stats.commit.replaced_unix = NOW_S - 40;
    assert_warns(s, "database_file");
    assert_non_null(strstr(check_named(s, "database_file")->output, "40 s ago"));
    s->input.wall += HEALTH_REPLACED_MEMORY_S * US_PER_S;
    s->stats.sampled_at = s->input.wall;
    judge(s);
    assert_int_equal(s->report.level, HEALTH_PASS);
}

/* A second later: a sample and a poll that are as old as they may be. */
static void look_again(struct scene *s, mono_us passed, mono_us last_commit)
{
    s->input.mono += passed;
    s->input.wall += passed;
    s->stats.sampled_at = s->input.wall;
    s->stats.sampled_mono = s->input.mono;
    s->db.polled_mono = s->input.mono;
    s->stats.commit.last_mono_us = last_commit;
    judge(s);
}

static void test_commits_into_another_file_warn(void **state)
{
    struct scene *s = *state;
    s->db.commits = 5000;
    for (int i = 0; i < 30; i++) { /* both move */
        s->db.commits += 5;
        look_again(s, US_PER_S, s->input.mono);
        assert_int_equal(s->report.level, HEALTH_PASS);
    }
    look_again(s, 20 * US_PER_S, s->stats.commit.last_mono_us); /* neither does */
    assert_int_equal(s->report.level, HEALTH_PASS);
    for (int i = 0; i <= HEALTH_COMMIT_PATIENCE_S; i++) { /* the ingestor alone */
        look_again(s, US_PER_S, s->input.mono);
        assert_int_equal(s->report.level, HEALTH_PASS);
    }
    look_again(s, US_PER_S, s->input.mono);
    assert_warns(s, "database_commits");
    s->db.commits++;
    look_again(s, US_PER_S, s->input.mono);
    assert_int_equal(s->report.level, HEALTH_PASS);
}

/* A burst, then silence: the last commits are seen in the file before they are in the sample, or
 * the other way round, and however seldom somebody asks. */
static void test_silence_after_a_burst_is_no_other_file(void **state)
{
    struct scene *s = *state;
    for (mono_us every = US_PER_S; every <= 60 * US_PER_S; every *= 4) {
        s->db.commits += 10;
        const mono_us last = s->input.mono + every + US_PER_S;
        look_again(s, every, last - 2 * US_PER_S);
        for (int i = 0; i < 40; i++) {
            look_again(s, every, last);
            assert_int_equal(s->report.level, HEALTH_PASS);
        }
        look_again(s, every, s->input.mono + every - 1); /* a new one, not polled yet */
        assert_int_equal(s->report.level, HEALTH_PASS);
        s->db.commits++;
        look_again(s, every, s->stats.commit.last_mono_us);
        assert_int_equal(s->report.level, HEALTH_PASS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_well_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_starting_fails_with_loading, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_database_fails_after_five_seconds, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_newer_schema_is_not_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_older_schema_is_not_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_draining_is_not_ready_but_healthy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_damaged_and_stale_statistics_warn, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_step_of_the_clock_makes_nothing_stale, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_bad_sources_and_workers_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_losses_warn_for_a_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(test_since_is_kept_while_the_level_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_writer_that_does_not_commit_warns, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_writer_that_never_committed_while_messages_wait_warns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_writer_that_is_away_while_messages_wait_warns, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_one_stalled_source_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention_that_waits_for_the_clock_warns_after_an_hour,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_disk_that_is_nearly_full_warns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_log_that_does_not_begin_anew_warns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_clock_that_was_set_warns_for_a_while, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_the_file_does_not_tell_is_not_judged, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_absurd_queues_do_not_overflow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_replaced_database_is_named_for_a_while, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_silence_after_a_burst_is_no_other_file, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_commits_into_another_file_warn, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
