/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/api/api.h"
#include "cmd/server/api/routes.h"
#include "cmd/server/traffic/traffic.h"
#include "cmd/server/http/router.h"
#include "common/stats/stats_file.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOW (INT64_C(1774798050) * US_PER_S)

static struct stats_view view;
static struct moment input;
static struct own_process process;
static struct moments origin = {.process = &process};

static int setup(void **state)
{
    (void)state;
    memset(&view, 0, sizeof view);
    memset(&input, 0, sizeof input);
    view.has_rates = true;
    view.rates.write_bytes = 12.5;
    view.snapshot.sampled_at = view.snapshot.procio_sampled_at = NOW;
    view.snapshot.metrics[METRIC_WATCHDOG_TICK] = STATS_UNKNOWN;
    view.snapshot.mqtt_count = 1;
    strcpy(view.snapshot.mqtt[0].state, "live");
    view.snapshot.mqtt[0].link.connected = true;
    view.snapshot.metrics[METRIC_TX_DUPES] = STATS_UNKNOWN;
    own_process_sample(&process);
    input.from = &origin;
    input.stats = &view;
    input.sample_now = NOW;
    return 0;
}

static void find_route(const char *path, struct http_request *out)
{
    static const struct http_query no_query;
    struct route_family families[API_FAMILY_COUNT];
    struct router_match match;
    IGNORE(routes_join(families, false), "only their tables are wanted");
    struct router *router = router_new(families, API_FAMILY_COUNT);
    assert_int_equal(router_find(router, path, ROUTE_ON_MAIN, &match), 0);
    router_free(router);
    *out = (struct http_request){.route = match.get.route,
                                 .route_number = match.get.number,
                                 .method = "GET",
                                 .query = &no_query,
                                 .body = ""};
}

static char *answer_text(const char *path)
{
    struct http_request request;
    struct http_reply reply;
    find_route(path, &request);
    http_reply_init(&reply, request.route->cache);
    request.route->renderer(&input, &request, &reply);
    assert_int_equal(reply.status, 200);
    assert_non_null(reply.body);
    assert_int_equal(strlen(reply.body), reply.body_len);
    return reply.body;
}

static cJSON *answer(const char *path)
{
    char *body = answer_text(path);
    cJSON *root = cJSON_Parse(body);
    assert_non_null(root);
    free(body);
    return root;
}

static bool has_ingestor(void)
{
    cJSON *root = answer("/api/perf/io");
    const bool has = cJSON_HasObjectItem(root, "ingestor");
    cJSON_Delete(root);
    return has;
}

static void test_the_ingestor_block_ends_with_its_sample(void **state)
{
    (void)state;
    cJSON *root = answer("/api/perf/io");
    const cJSON *ingestor = cJSON_GetObjectItem(root, "ingestor");
    assert_true(cJSON_GetObjectItem(ingestor, "writeBytesPerSec")->valuedouble == 12.5);
    assert_string_equal(cJSON_GetObjectItem(ingestor, "sampledAt")->valuestring,
                        "2026-03-29T15:27:30Z");
    assert_int_equal(cJSON_GetArraySize(ingestor), 6);
    cJSON_Delete(root);
    input.sample_now = NOW + STATS_FRESH_SECONDS * US_PER_S;
    assert_true(has_ingestor());
    input.sample_now++;
    assert_false(has_ingestor());
    input.sample_now = NOW - 6 * US_PER_S; /* a sample from the future proves nothing */
    assert_false(has_ingestor());
    input.sample_now = NOW;
    view.has_rates = false;
    assert_false(has_ingestor());
    view.has_rates = true;
    view.status = STATUS_CORRUPT;
    assert_false(has_ingestor());
}

static void test_write_sources_leaves_unknown_out(void **state)
{
    (void)state;
    view.snapshot.backfill_count = 1;
    strcpy(view.snapshot.backfills[0].name, "hash");
    cJSON *root = answer("/api/perf/write-sources");
    const cJSON *sources = cJSON_GetObjectItem(root, "sources");
    assert_true(cJSON_HasObjectItem(sources, "tx_inserted"));
    assert_false(cJSON_HasObjectItem(sources, "checkpoints")); /* no source of writing */
    assert_true(cJSON_HasObjectItem(root, "checkpoints"));
    assert_false(cJSON_HasObjectItem(sources, "tx_dupes"));
    assert_true(cJSON_HasObjectItem(sources, "backfill_hash"));
    assert_true(cJSON_IsObject(cJSON_GetObjectItem(root, "writer_perf")));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(root, "stale")));
    cJSON_Delete(root);
    view.status = STATUS_NOT_FOUND;
    char *body = answer_text("/api/perf/write-sources");
    assert_string_equal(body, "{\"sources\":{},\"sampleAt\":\"\"}");
    free(body);
}

static void test_a_stale_sample_connects_nobody(void **state)
{
    (void)state;
    cJSON *root = answer("/api/mqtt/status");
    const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "sources"), 0);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(row, "connected")));
    assert_false(cJSON_HasObjectItem(root, "watchdogLastTickUnix"));
    cJSON_Delete(root);
    input.sample_now = NOW + 6 * US_PER_S;
    root = answer("/api/mqtt/status");
    row = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "sources"), 0);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(root, "stale")));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(row, "connected")));
    cJSON_Delete(root);
}

/* Ten hours after its last sample: what was counted stays so, of what is so now nobody knows. But
 * an ingestor that ended in order has told. */
static void test_hours_later(void **state)
{
    (void)state;
    static const char *const of_now[] = {"packetsLast5m", "nextRetryUnix"};
    struct stats_mqtt *mqtt = &view.snapshot.mqtt[0];
    mqtt->packets_total = 700;
    mqtt->packets_last_5m = 7;
    mqtt->link.next_retry_unix = NOW / US_PER_S;
    mqtt->link.last_connect_unix = NOW / US_PER_S;
    view.snapshot.worker_count = 1;
    strcpy(view.snapshot.workers[0].state, "running");
    view.snapshot.workers[0].pid = 12;
    input.wall = NOW + INT64_C(36000) * US_PER_S;
    input.sample_now = input.wall;
    for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
        view.snapshot.stopped_at = is_stopped ? NOW : 0;
        cJSON *root = answer("/api/mqtt/status");
        const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "sources"), 0);
        assert_true(cJSON_IsTrue(cJSON_GetObjectItem(root, "stale")));
        assert_int_equal(cJSON_HasObjectItem(root, "stoppedAt"), is_stopped);
        assert_true(cJSON_GetObjectItem(row, "packetsTotal")->valuedouble == 700);
        assert_true(cJSON_HasObjectItem(row, "lastConnectUnix"));
        for (size_t i = 0; i < ARRAY_LEN(of_now); i++)
            assert_int_equal(cJSON_HasObjectItem(row, of_now[i]), is_stopped);
        cJSON_Delete(root);
        root = answer("/api/perf/write-sources");
        row = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "workers"), 0);
        assert_string_equal(cJSON_GetObjectItem(row, "state")->valuestring,
                            is_stopped ? "running" : "unknown");
        assert_int_equal(cJSON_HasObjectItem(row, "pid"), is_stopped);
        cJSON_Delete(root);
    }
}

static void test_sqlite_and_stats_invent_nothing(void **state)
{
    (void)state;
    db_state_forget(&input.db);
    char *body = answer_text("/api/perf/sqlite");
    assert_string_equal(body, "{}");
    free(body);
    input.db.cache_hits = input.db.cache_misses = 0;
    body = answer_text("/api/perf/sqlite");
    assert_string_equal(body, "{}"); /* of nothing looked up, nothing was found */
    free(body);
    input.db.cache_hits = 3;
    input.db.cache_misses = 1;
    cJSON *root = answer("/api/perf/sqlite");
    assert_true(cJSON_GetObjectItem(root, "cacheHitRate")->valuedouble == 0.75);
    cJSON_Delete(root);
    root = answer("/api/stats");
    static const char *const unknown[] = {
        "totalPackets",      "totalTransmissions", "totalObservations", "totalNodes",
        "totalNodesAllTime", "totalObservers",     "packetsLastHour",   "packetsLast24h"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_false(cJSON_HasObjectItem(root, unknown[i]));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "counts")), 0);
    assert_false(cJSON_HasObjectItem(root, "signatureDrops"));
    assert_string_equal(cJSON_GetObjectItem(root, "engine")->valuestring, "weir");
    const char *built = cJSON_GetObjectItem(root, "buildTime")->valuestring;
    assert_int_equal(strlen(built), strlen("2026-03-29T15:27:30Z"));
    assert_true(built[4] == '-' && built[10] == 'T' && built[19] == 'Z');
    cJSON_Delete(root);
}

static void test_own_rates(void **state)
{
    (void)state;
    static struct io_rates rates;
    struct procio_rates got;
    const struct procio first = {.write_bytes = 100};
    const struct procio second = {.write_bytes = 300};
    io_rates_get(&rates, &got);
    assert_true(isnan(got.write_bytes));
    io_rates_add(&rates, &first, 1 * US_PER_S);
    io_rates_get(&rates, &got);
    assert_true(isnan(got.write_bytes)); /* one sample is no rate */
    io_rates_add(&rates, &second, 3 * US_PER_S);
    io_rates_get(&rates, &got);
    assert_true(got.write_bytes == 100.0);
    io_rates_add(&rates, &first, 4 * US_PER_S);
    io_rates_get(&rates, &got);
    assert_true(got.write_bytes == 0.0); /* never negative */
}

/* --- the rendered answers --------------------------------------------------------------------- */

static _Atomic int64_t skew; /* added to both clocks */

static int64_t skewed(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000 + atomic_load(&skew);
}

static wall_us skewed_wall(void)
{
    return skewed(CLOCK_REALTIME);
}

static mono_us skewed_mono(void)
{
    return skewed(CLOCK_MONOTONIC);
}

static bool serves_ingestor(struct api *api)
{
    struct http_request request;
    find_route("/api/perf/io", &request);
    struct http_ready *ready = api_answer(api, &request);
    assert_non_null(ready);
    const bool has = memmem(ready->body, ready->body_len, "\"ingestor\"", 10) != NULL;
    http_ready_unref(ready);
    return has;
}

/* Nobody looks at the file again: the sample just grows old, and the very next answer says so. */
static void test_unchanged_bytes_grow_stale(void **state)
{
    (void)state;
    static struct io_rates io;
    char dir[] = "/tmp/test_perf.XXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[64];
    (void)snprintf(path, sizeof path, "%s/stats.json", dir);
    clock_set_source(skewed_wall, skewed_mono);
    char stamp[32];
    char text[128];
    (void)snprintf(text, sizeof text, "{\"procIO\":{\"readBytesPerSec\":1,\"sampledAt\":\"%s\"}}",
                   clock_rfc3339(clock_wall(), stamp));
    assert_int_equal(stats_file_write(path, text, NULL), STATUS_OK);
    struct stats_cache *stats = stats_cache_new(path);
    struct db_poller *db = db_poller_start("/nonexistent/weir.db");
    struct health_watch *health = health_watch_new();
    struct route_family families[API_FAMILY_COUNT];
    struct cache *cache = cache_new((size_t)1 << 20, routes_join(families, false));
    struct traffic *traffic = traffic_new(families, API_FAMILY_COUNT);
    const struct moments moments = {.stats = stats,
                                    .db = db,
                                    .io = &io,
                                    .health = health,
                                    .traffic = traffic,
                                    .process = &process};
    static char spool[] = "/nonexistent";
    static struct config config = {.spool_dir = spool};
    static struct api api;
    api_init(&api, &config, cache, &moments, NULL);
    stats_cache_refresh(stats);
    assert_true(serves_ingestor(&api));
    assert_true(serves_ingestor(&api));
    atomic_store(&skew, 6 * US_PER_S);
    assert_false(serves_ingestor(&api));
    atomic_store(&skew, 0);
    cache_free(cache);
    health_watch_free(health);
    db_poller_stop(db);
    stats_cache_free(stats);
    traffic_free(traffic);
    clock_set_source(NULL, NULL);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_ingestor_block_ends_with_its_sample, setup),
        cmocka_unit_test_setup(test_write_sources_leaves_unknown_out, setup),
        cmocka_unit_test_setup(test_a_stale_sample_connects_nobody, setup),
        cmocka_unit_test_setup(test_hours_later, setup),
        cmocka_unit_test_setup(test_sqlite_and_stats_invent_nothing, setup),
        cmocka_unit_test(test_own_rates),
        cmocka_unit_test(test_unchanged_bytes_grow_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
