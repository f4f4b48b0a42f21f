/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/config/broker_url.h"
#include "common/stats/stats_file.h"
#include "common/stats/stats_file_parse.h"
#include "common/stats/stats_file_render.h"
#include "common/stats/stats_prometheus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct stats_snapshot in;
static struct stats_snapshot out;

static void fill_lists(struct stats_snapshot *s)
{
    s->ledger_since_unix = 1774000000;
    s->has_ledger = s->sources[0].has_ledger = true;
    s->ledger_total.received = 50;
    s->ledger_total.outcomes[OUTCOME_COMMITTED] = 49;
    s->ledger_total.unaccounted = -1;
    s->source_count = 1;
    strcpy(s->sources[0].name, "a \"b\" \xc3\xa9");
    s->sources[0].ledger = s->ledger_total;
    s->sources[0].ledger.outcomes[OUTCOME_DROPPED_SOFT] = 3;
    s->sources[0].is_live = true;
    s->sources[0].records = 11;
    s->sources[0].bytes = STATS_UNKNOWN;
    s->sources[0].capacity = 50000;
    s->sources[0].high_water = 12;
    s->sources[0].stalled_s = 13;
    s->sources[0].last_receipt_unix = 1774798049;
    s->mqtt_count = 1;
    strcpy(s->mqtt[0].name, "a");
    strcpy(s->mqtt[0].broker, "mqtt://u:****@host");
    strcpy(s->mqtt[0].state, "live");
    s->mqtt[0].link.connected = true;
    s->mqtt[0].link.subscription_count = 2;
    strcpy(s->mqtt[0].link.subscriptions[0].topic, "meshcore/#");
    s->mqtt[0].link.subscriptions[1].suback = STATS_UNKNOWN;
    s->worker_count = 2;
    strcpy(s->workers[0].name, "flusher");
    strcpy(s->workers[0].kind, "flusher");
    s->workers[0].pid = 12;
    strcpy(s->workers[1].name, "receiver:a");
    strcpy(s->workers[1].source, "a");
    strcpy(s->workers[1].last_exit, "signal 9");
    strcpy(s->workers[1].lock_holder, "pid 12 (weir-import)");
    s->unhealthy_count = 1;
    strcpy(s->unhealthy[0].cause, "signal_9");
    s->unhealthy[0].count = 2;
}

static void fill(struct stats_snapshot *s)
{
    memset(s, 0, sizeof *s);
    s->schema = STATS_SCHEMA;
    s->seq = 7;
    s->pid = 4711;
    strcpy(s->boot_id, "boot");
    strcpy(s->version, "0.1.0");
    strcpy(s->status, "receiving from 1 of 1");
    s->sampled_at = INT64_C(1774798050123000);
    s->sampled_mono = INT64_C(4711000000);
    s->started_at = INT64_C(1774798000000000);
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        s->metrics[m] = 100 + m;
    s->has_procio = s->has_procio_rates = true;
    s->procio = (struct procio){1, 2, 3, 4, 5};
    s->procio_rates = (struct procio_rates){1.5, 2.5, 3.5, 4.5, 5.5};
    s->procio_sampled_at = s->sampled_at;
    fill_lists(s);
    s->commit_count = 31;
    s->commit.rows_p50 = 7;
    s->commit.rows_p99 = STATS_UNKNOWN;
    s->commit.ms_p50 = 1.25;
    s->commit.ms_p99 = (double)NAN;
    strcpy(s->commit.error, "disk full");
    strcpy(s->commit.rings_error, "a.ring: made by a newer version");
    s->writer_count = 1;
    strcpy(s->writers[0].component, "mqtt_handler");
    s->writers[0].hold_ms[3] = 9.5;
    s->writers[0].holding_ms = 37;
    s->backfill_count = 1;
    strcpy(s->backfills[0].name, "hash");
    s->backfills[0].count = 5;
    s->usage = (struct stats_usage){12.25, 50331648};
    s->storage = (struct stats_storage){.disk_free_bytes = 7, .checkpoint_pages = 9};
    s->workers[0].cpu_s = 3.5;
    s->event_count = 2;
    s->events[0] = (struct stats_event){
        .id = 3, .at_unix = 1774798001, .last_unix = 1774798001, .times = 1, .level = "pass"};
    s->events[1] = (struct stats_event){.id = 4,
                                        .at_unix = 1774798002,
                                        .last_unix = 1774798040,
                                        .times = 12,
                                        .level = "warn",
                                        .kind = "source",
                                        .subject = "a",
                                        .text = "a has lost its connection: \"x\""};
}

/* A moment that never was does not stand in the file. */
static void forget_zero_moments(struct stats_snapshot *s)
{
#define KNOWN(kind, value)                                   (value) = stats_known(METRIC_KIND_##kind, true, value)
#define COMMIT(id, json, prometheus, kind, unit, help)       KNOWN(kind, s->commit.id);
#define STORAGE(id, json, prometheus, kind, unit, help)      KNOWN(kind, s->storage.id);
#define CHECKPOINT(id, json, prometheus, kind, unit, help)   KNOWN(kind, s->storage.id);
#define SOURCE_CLOCK(id, json, prometheus, kind, unit, help) KNOWN(kind, s->sources[0].id);
#define LINK(id, json, prometheus, kind, unit, help)         KNOWN(kind, s->mqtt[0].link.id);
#define BROKER(id, json, prometheus, kind, unit, help)       KNOWN(kind, s->mqtt[0].id);
#define WORKER(id, json, prometheus, kind, unit, help)                                             \
    KNOWN(kind, s->workers[0].id);                                                                 \
    KNOWN(kind, s->workers[1].id);
#include "common/stats/metrics.def"
}

static void test_a_moment_that_never_was_is_left_out(void **state)
{
    (void)state;
    fill(&in);
    in.event_count = 0; /* what never happened has no event */
    in.ledger_since_unix = 0;
    memset(&in.sources[0].last_receipt_unix, 0, sizeof in.sources[0].last_receipt_unix);
    in.metrics[METRIC_WATCHDOG_TICK] = 0;
    in.metrics[METRIC_LAST_LOSS] = 0;
    char *text = stats_file_render(&in);
    assert_non_null(text);
    const char *unix_key = strstr(text, "Unix\":");
    assert_null(unix_key);
    free(text);
    text = stats_prometheus(&in, in.sampled_at);
    assert_non_null(text);
    assert_null(strstr(text, "timestamp_seconds 0"));
    assert_null(strstr(text, "timestamp_seconds{"));
    free(text);
}

static void test_round_trip_keeps_every_field(void **state)
{
    (void)state;
    fill(&in);
    in.stopped_at = in.sampled_at;
    in.mqtt[0].link.last_connect_unix = 1774798001;
    in.writers[0].batch_hold_ms[1] = 2.5;
    forget_zero_moments(&in);
    char *text = stats_file_render(&in);
    assert_non_null(text);
    memset(&out, 0xa5, sizeof out);
    assert_int_equal(stats_file_parse(text, strlen(text), &out), STATUS_OK);
    free(text);
    /* NaN is never equal to itself: compare it apart. */
    assert_true(isnan(out.commit.ms_p99));
    out.commit.ms_p99 = in.commit.ms_p99 = 0;
    assert_memory_equal(&out, &in, sizeof in);
}

/* A field full of bytes that are no UTF-8 triples on its way out: all of it must arrive. */
static void test_texts_are_not_cut(void **state)
{
    (void)state;
    fill(&in);
    memset(in.mqtt[0].link.last_error, 0xff, sizeof in.mqtt[0].link.last_error - 1);
    char *text = stats_file_render(&in);
    assert_non_null(text);
    const char *error = strstr(text, "\"lastError\":\"");
    assert_non_null(error);
    size_t marks = 0;
    for (error += strlen("\"lastError\":\""); strncmp(error, "\xef\xbf\xbd", 3) == 0; error += 3)
        marks++;
    assert_int_equal(marks, sizeof in.mqtt[0].link.last_error - 1);
    assert_int_equal(*error, '"');
    free(text);
}

static void test_absent_keys_are_unknown(void **state)
{
    (void)state;
    assert_int_equal(stats_file_parse("{}", 2, &out), STATUS_OK);
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        assert_int_equal(out.metrics[m], STATS_UNKNOWN);
    assert_int_equal(out.sampled_at, STATS_UNKNOWN);
    assert_true(out.ledger_total.received == STATS_UNKNOWN_COUNT);
    assert_false(out.has_procio || out.has_procio_rates);
    assert_true(stats_age_seconds(&out, 1) < 0);
    assert_int_equal(out.source_count + out.mqtt_count + out.worker_count + out.event_count, 0);
    assert_true(isnan(out.usage.cpu_s) && isnan(out.usage.rss_bytes));
    assert_int_equal(out.storage.disk_free_bytes, STATS_UNKNOWN);
}

static void test_wrong_types_are_unknown(void **state)
{
    (void)state;
    static const char text[] =
        "{\"tx_inserted\":\"5\",\"TX_DUPES\":3,\"seq\":1e300,\"sampledAt\":12,\"procIO\":[1],"
        "\"ledger\":{\"total\":{\"received\":-4,\"dropped\":7},\"sources\":[{\"received\":1}]},"
        "\"source_statuses\":{\"x\":1},\"workers\":[1,{\"pid\":\"x\"}],\"writer_perf\":[{}],"
        "\"queue\":5}";
    assert_int_equal(stats_file_parse(text, strlen(text), &out), STATUS_OK);
    assert_int_equal(out.metrics[METRIC_TX_INSERTED], STATS_UNKNOWN);
    assert_int_equal(out.metrics[METRIC_TX_DUPES], STATS_UNKNOWN);
    assert_int_equal(out.seq, STATS_UNKNOWN);
    assert_int_equal(out.sampled_at, STATS_UNKNOWN);
    assert_true(out.ledger_total.received == STATS_UNKNOWN_COUNT);
    assert_true(out.ledger_total.outcomes[OUTCOME_DROPPED_SOFT] == STATS_UNKNOWN_COUNT);
    assert_int_equal(out.source_count, 0);
    assert_int_equal(out.worker_count, 1);
    assert_int_equal(out.workers[0].pid, 0);
}

static void test_hostile_text_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "null", "[]", "{", "{}x", "1", "{\"a\":[[[[[[[[[1]]]]]]]]]}", "{\"a\":\"\\u0000\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(stats_file_parse(bad[i], strlen(bad[i]), &out), STATUS_CORRUPT);
}

/* A file with more rows than the tables hold fills them and stops. */
static void test_tables_are_bounded(void **state)
{
    (void)state;
    const size_t cap = 200000;
    char *text = malloc(cap);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, cap, "{\"queue\":{");
    for (int i = 0; i < 500; i++)
        used += (size_t)snprintf(text + used, cap - used, "%s\"s%d\":{}", i ? "," : "", i);
    used += (size_t)snprintf(text + used, cap - used, "},\"workers\":[");
    for (int i = 0; i < 500; i++)
        used += (size_t)snprintf(text + used, cap - used, "%s{}", i ? "," : "");
    used += (size_t)snprintf(text + used, cap - used, "],\"source_statuses\":[");
    for (int i = 0; i < 500; i++)
        used += (size_t)snprintf(text + used, cap - used, "%s{}", i ? "," : "");
    used += (size_t)snprintf(text + used, cap - used, "],\"events\":[{\"id\":0,\"atUnix\":1}");
    for (int i = 1; i < 500; i++)
        used += (size_t)snprintf(text + used, cap - used, ",{\"id\":%d,\"atUnix\":9}", i);
    used += (size_t)snprintf(text + used, cap - used, "]}");
    assert_int_equal(stats_file_parse(text, used, &out), STATUS_OK);
    free(text);
    assert_int_equal(out.source_count, STATS_SOURCES_MAX);
    assert_int_equal(out.worker_count, STATS_WORKERS_MAX);
    assert_int_equal(out.mqtt_count, CONFIG_SOURCES_MAX);
    assert_int_equal(out.event_count, STATS_EVENTS_MAX);
    assert_int_equal(out.events[0].id, 1);
}

static void test_age_follows_the_rule(void **state)
{
    (void)state;
    const wall_us now = INT64_C(1774798050000000);
    static const char sampled[] = "{\"sampledAt\":\"2026-03-29T15:27:28Z\"}";
    assert_int_equal(stats_file_parse(sampled, strlen(sampled), &out), STATUS_OK);
    assert_true(fabs(stats_age_seconds(&out, now) - 2) < 1e-6);
    assert_true(stats_age_seconds(&out, now - 8 * US_PER_S) < 0); /* 6 s in the future */
    assert_true(stats_age_seconds(&out, now - 6 * US_PER_S) >= 0);
    static const char procio[] = "{\"sampledAt\":\"rubbish\",\"procIO\":{\"sampledAt\":"
                                 "\"2026-03-29T17:27:29.5+02:00\"}}";
    assert_int_equal(stats_file_parse(procio, strlen(procio), &out), STATUS_OK);
    assert_true(fabs(stats_age_seconds(&out, now) - 0.5) < 1e-6);
}

static void test_now_goes_on_from_the_sample(void **state)
{
    (void)state;
    fill(&in);
    const wall_us stepped = in.sampled_at + 3600 * (wall_us)US_PER_S;
    assert_int_equal(stats_now(&in, stepped, in.sampled_mono + 7), in.sampled_at + 7);
    assert_int_equal(stats_now(&in, stepped, in.sampled_mono - 1), stepped); /* not our clock */
    in.sampled_mono = STATS_UNKNOWN;
    assert_int_equal(stats_now(&in, stepped, 7), stepped);
    fill(&in);
    in.sampled_at = STATS_UNKNOWN;
    assert_int_equal(stats_now(&in, stepped, in.sampled_mono), stepped);
}

static void test_rates_are_never_negative(void **state)
{
    (void)state;
    static const char text[] = "{\"procIO\":{\"readBytesPerSec\":-5,\"syscallsRead\":3}}";
    assert_int_equal(stats_file_parse(text, strlen(text), &out), STATUS_OK);
    assert_true(out.has_procio_rates && !out.has_procio);
    assert_true(isnan(out.procio_rates.read_bytes) && isnan(out.procio_rates.write_bytes));
    assert_true(out.procio_rates.syscalls_read == 3.0);
    struct procio_rates rates;
    const struct procio from = {100, 0, 0, 0, 0};
    const struct procio to = {50, 10, 0, 0, 0};
    assert_true(stats_procio_rates(&from, &to, 2, &rates));
    assert_true(rates.read_bytes == 0.0 && rates.write_bytes == 5.0);
    assert_false(stats_procio_rates(&from, &to, 0, &rates));
    assert_false(stats_procio_rates(&from, &to, -1, &rates));
}

static void test_passwords_never_pass(void **state)
{
    (void)state;
    static const char text[] =
        "{\"source_statuses\":[{\"broker\":\"mqtts://bob:p@ss/wo:rd@host:8883\","
        "\"lastError\":\"dial mqtts://bob:p@ss/wo:rd@host:8883: refused (p@ss/wo:rd)\"}]}";
    assert_int_equal(stats_file_parse(text, strlen(text), &out), STATUS_OK);
    assert_string_equal(out.mqtt[0].broker, "mqtts://bob:****@host:8883");
    assert_string_equal(out.mqtt[0].link.last_error,
                        "dial mqtts://bob:****@host:8883: refused (****)");
    char again[256];
    broker_mask_text(again, sizeof again, out.mqtt[0].link.last_error, NULL, NULL);
    assert_string_equal(again, out.mqtt[0].link.last_error);
}

static void test_write_replaces_the_file(void **state)
{
    (void)state;
    char dir[] = "/tmp/test_stats_file.XXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[128];
    char tmp[160];
    (void)snprintf(path, sizeof path, "%s/stats.json", dir);
    (void)snprintf(tmp, sizeof tmp, "%s.tmp", path);
    assert_int_equal(symlink("/dev/null", tmp),
                     0); /* left there by somebody: removed, never followed */
    struct err err;
    assert_int_equal(stats_file_write(path, "{\"a\":1}", &err), STATUS_OK);
    assert_int_equal(stats_file_write(path, "{\"a\":2}", &err), STATUS_OK);
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode) && st.st_size == 7 && (st.st_mode & 07) == 0);
    assert_int_not_equal(access(tmp, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(stats_file_write(path, "{}", &err), STATUS_IO);
}

static void test_prometheus_names_and_escapes(void **state)
{
    (void)state;
    fill(&in);
    char *text = stats_prometheus(&in, in.sampled_at);
    assert_non_null(text);
    assert_non_null(
        strstr(text, "\nweir_ingest_queue_depth{source=\"a \\\"b\\\" \xc3\xa9\"} 11\n"));
    assert_non_null(strstr(text, "weir_ingest_dropped_total{source=\"a \\\"b\\\" \xc3\xa9\","
                                 "reason=\"soft_backpressure\"} 3\n"));
    assert_non_null(strstr(
        text, "weir_worker_unhealthy_total{worker=\"\",source=\"\",cause=\"signal_9\"} 2\n"));
    assert_null(strstr(text, "weir_ingest_queue_bytes{")); /* unknown is absent */
    assert_non_null(strstr(text, "# TYPE weir_commit_seconds summary\n"
                                 "weir_commit_seconds{quantile=\"0.5\"} 0.00125\n"
                                 "weir_commit_seconds_count 31\n")); /* p99 is NaN */
    assert_non_null(strstr(text, "# TYPE weir_commit_rows summary\n"
                                 "weir_commit_rows{quantile=\"0.5\"} 7\n"
                                 "weir_commit_rows_count 31\n"));
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        char type[128];
        (void)snprintf(type, sizeof type, "# TYPE %s counter\n%s %lld\n",
                       metric_info(m)->prometheus, metric_info(m)->prometheus,
                       (long long)in.metrics[m]);
        if (metric_info(m)->kind == METRIC_KIND_COUNTER)
            assert_non_null(strstr(text, type));
    }
    free(text);
}

/* Who died without a word must not be up for ever. */
static void test_prometheus_of_a_stale_sample(void **state)
{
    (void)state;
    fill(&in);
    in.worker_count = 1;
    in.workers[0].pid = 42;
    char *text = stats_prometheus(&in, in.sampled_at);
    assert_non_null(strstr(text, "\nweir_ingestor_stale 0\n"));
    assert_non_null(strstr(strstr(text, "\nweir_worker_up{"), "} 1\n"));
    free(text);
    text = stats_prometheus(&in, in.sampled_at + 6 * US_PER_S);
    assert_non_null(strstr(text, "\nweir_ingestor_stale 1\n"));
    const char *up = strstr(text, "\nweir_worker_up{");
    assert_non_null(up);
    assert_memory_equal(strchr(up, '}'), "} 0\n", 4);
    assert_null(strstr(text, "\nweir_ingest_queue_depth{")); /* of now: not known */
    assert_null(strstr(text, "\nweir_disk_free_bytes "));
    assert_null(strstr(text, "\nweir_ingestor_resident_memory_bytes "));
    assert_non_null(strstr(text, "\nweir_ingestor_cpu_seconds_total 12.25\n"));
    assert_non_null(strstr(text, "\nweir_ingest_received_total{"));
    free(text);
    in.stopped_at = in.sampled_at; /* but that one has said goodbye */
    in.workers[0].pid = 0;
    text = stats_prometheus(&in, in.sampled_at + INT64_C(3600) * US_PER_S);
    assert_non_null(strstr(text, "\nweir_ingestor_stale 1\n"));
    assert_non_null(strstr(text, "\nweir_ingest_queue_depth{"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_keeps_every_field),
        cmocka_unit_test(test_a_moment_that_never_was_is_left_out),
        cmocka_unit_test(test_texts_are_not_cut),
        cmocka_unit_test(test_absent_keys_are_unknown),
        cmocka_unit_test(test_wrong_types_are_unknown),
        cmocka_unit_test(test_hostile_text_is_refused),
        cmocka_unit_test(test_tables_are_bounded),
        cmocka_unit_test(test_age_follows_the_rule),
        cmocka_unit_test(test_now_goes_on_from_the_sample),
        cmocka_unit_test(test_rates_are_never_negative),
        cmocka_unit_test(test_passwords_never_pass),
        cmocka_unit_test(test_write_replaces_the_file),
        cmocka_unit_test(test_prometheus_names_and_escapes),
        cmocka_unit_test(test_prometheus_of_a_stale_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
