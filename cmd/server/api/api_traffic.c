/* SPDX-License-Identifier: MIT
 *
 * /api/health, /api/perf, POST /api/perf/reset in CoreScope's shapes: what was asked of this server
 * (traffic.h), its cache, its database. Numbers about Go or an in-memory store are 0, optional ones
 * are left out. */
#include "cmd/server/api/api.h"
#include "cmd/server/api/families.h"
#include "cmd/server/traffic/traffic.h"
#include "common/base/version.h"
#include "common/json/json_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BYTES_PER_MB 1048576.0
#define PERF_SLOW    20 /* of the slow ones that are kept */
#define HEALTH_SLOW  5
#define NAME_MAX_LEN 256

static double milli(double ms)
{
    return round(ms * 1000) / 1000;
}

static double megabytes(int64_t bytes)
{
    return bytes == DB_UNKNOWN ? (double)NAN : (double)bytes / BYTES_PER_MB;
}

/* --- pieces of both --------------------------------------------------------------------------- */

static void write_slow(struct json_write *w, const char *key, const struct moment *moment,
                       size_t at_most)
{
    struct traffic_slow slow[TRAFFIC_SLOW_KEPT];
    uint64_t total;
    const size_t count = traffic_slow(moment->from->traffic, slow, &total);
    jw_array(w, key);
    for (size_t i = 0; i < count && i < at_most; i++) {
        jw_object(w, NULL);
        jw_string(w, "path", slow[i].path);
        jw_real(w, "ms", milli((double)slow[i].took / US_PER_MS));
        jw_time(w, "time", slow[i].at);
        jw_int(w, "status", slow[i].status);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* A rendering is a miss that was computed. What was given out while another one rendered is a hit:
 * who counts those apart would count 0 here. */
static void write_cache(struct json_write *w, const char *size_key, const struct moment *moment)
{
    struct cache_counts cache;
    cache_count(moment->from->cache, &cache);
    const uint64_t hits = cache.requests > cache.renders ? cache.requests - cache.renders : 0;
    const double percent = cache.requests > 0 ? 100 * (double)hits / (double)cache.requests : 0;
    jw_object(w, "cache");
    jw_uint(w, size_key, cache.entries);
    jw_uint(w, "hits", hits);
    jw_uint(w, "misses", cache.renders);
    jw_int(w, "staleHits", 0);
    jw_uint(w, "recomputes", cache.renders);
    jw_real(w, "hitRate", round(percent * 10) / 10);
    jw_object_end(w);
}

static int64_t uptime_s(const struct moment *moment)
{
    return traffic_uptime(moment->from->traffic) / US_PER_S;
}

/* --- /api/health ------------------------------------------------------------------------------ */

static void write_uptime(struct json_write *w, const struct moment *moment)
{
    const int64_t seconds = uptime_s(moment);
    char text[64];
    if (seconds < 3600)
        (void)snprintf(text, sizeof text, "%dm %ds", (int)(seconds / 60), (int)(seconds % 60));
    else
        (void)snprintf(text, sizeof text, "%lldh %dm", (long long)(seconds / 3600),
                       (int)(seconds / 60 % 60));
    jw_int(w, "uptime", seconds);
    jw_string(w, "uptimeHuman", text);
}

static void write_memory(struct json_write *w, const struct moment *moment)
{
    struct own_process_figures process;
    own_process_get(moment->from->process, &process);
    jw_object(w, "memory");
    if (isfinite(process.resident_bytes))
        jw_int(w, "rss", (int64_t)(process.resident_bytes / BYTES_PER_MB));
    jw_int(w, "heapUsed", 0);
    jw_int(w, "heapTotal", 0);
    jw_int(w, "external", 0);
    jw_object_end(w);
}

static void write_event_loop(struct json_write *w)
{
    static const char *const keys[] = {"currentLagMs", "maxLagMs", "p50Ms", "p95Ms", "p99Ms"};
    jw_object(w, "eventLoop");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        jw_int(w, keys[i], 0);
    jw_object_end(w);
}

static void write_health_perf(struct json_write *w, const struct moment *moment)
{
    struct traffic_figures total;
    struct traffic_slow slow[TRAFFIC_SLOW_KEPT];
    uint64_t slow_total;
    traffic_total(moment->from->traffic, &total);
    (void)traffic_slow(moment->from->traffic, slow, &slow_total);
    jw_object(w, "perf");
    jw_uint(w, "totalRequests", total.count);
    jw_real(w, "avgMs", milli(total.mean));
    jw_uint(w, "slowQueries", slow_total);
    write_slow(w, "recentSlow", moment, HEALTH_SLOW);
    jw_object_end(w);
}

/* CoreScope's word for what healthz calls pass. */
static const char *status_of(struct moment *moment)
{
    const struct health_report *report = moment_health(moment);
    if (report == NULL)
        return "unknown";
    return report->level == HEALTH_PASS ? "ok" : report->level == HEALTH_WARN ? "warn" : "fail";
}

static void render_health(struct moment *moment, const struct http_request *request,
                          struct http_reply *reply)
{
    (void)request;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_string(&w, "status", status_of(moment));
    jw_string(&w, "engine", "weir");
    jw_string(&w, "version", version_number());
    jw_string(&w, "commit", version_commit());
    jw_string(&w, "buildTime", version_build_time());
    write_uptime(&w, moment);
    write_memory(&w, moment);
    write_event_loop(&w);
    write_cache(&w, "entries", moment);
    jw_object(&w, "websocket");
    jw_int(&w, "clients", http_counted(&moment->from->http->live_clients));
    jw_object_end(&w);
    jw_object(&w, "packetStore");
    jw_known_int(&w, "packets", moment->db.transmissions);
    jw_int(&w, "estimatedMB", 0);
    jw_int(&w, "trackedMB", 0);
    jw_object_end(&w);
    write_health_perf(&w, moment);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* --- /api/perf -------------------------------------------------------------------------------- */

/* The row's path, as CoreScope writes it; a POST's says so, because a GET may have the same. */
static void write_place_name(struct json_write *w, const struct route *route)
{
    char name[NAME_MAX_LEN];
    const bool is_post = route != NULL && strcmp(route->method, "POST") == 0;
    (void)snprintf(name, sizeof name, "%s%s", is_post ? "POST " : "",
                   route != NULL ? route->path : "other");
    jw_key(w, name);
}

static void write_endpoints(struct json_write *w, const struct traffic *traffic)
{
    struct traffic_figures figures;
    jw_object(w, "endpoints");
    for (size_t i = 0; i < traffic_places(traffic); i++) {
        traffic_figures(traffic, i, &figures);
        if (figures.count == 0)
            continue;
        write_place_name(w, traffic_route(traffic, i));
        jw_object(w, NULL);
        jw_uint(w, "count", figures.count);
        jw_real(w, "avgMs", milli(figures.mean));
        jw_real(w, "p50Ms", milli(figures.p50));
        jw_real(w, "p95Ms", milli(figures.p95));
        jw_real(w, "maxMs", milli(figures.max));
        jw_object_end(w);
    }
    jw_object_end(w);
}

/* What is in memory there is in the database here: its totals, and nothing is loaded. */
static void write_packet_store(struct json_write *w, const struct db_state *db)
{
    static const char *const zeros[] = {"evicted",   "inserts",           "queries",
                                        "inMemory",  "maxPackets",        "estimatedMB",
                                        "trackedMB", "avgBytesPerPacket", "maxMB"};
    static const char *const indexes[] = {"byHash", "byObserver", "byNode", "advertByObserver"};
    jw_object(w, "packetStore");
    jw_known_int(w, "totalLoaded", db->transmissions);
    jw_known_int(w, "totalObservations", db->observations);
    for (size_t i = 0; i < ARRAY_LEN(zeros); i++)
        jw_int(w, zeros[i], 0);
    jw_bool(w, "sqliteOnly", true);
    jw_object(w, "indexes");
    for (size_t i = 0; i < ARRAY_LEN(indexes); i++)
        jw_int(w, indexes[i], 0);
    jw_object_end(w);
    jw_int(w, "hotStartupHours", 0);
    jw_bool(w, "backgroundLoadComplete", true);
    jw_bool(w, "backgroundLoadFailed", false);
    jw_int(w, "backgroundLoadProgress", 0);
    jw_int(w, "retentionHours", 0);
    jw_string(w, "oldestLoaded", "");
    jw_int(w, "loadCoverageRatio", 0);
    jw_object_end(w);
}

static void write_sqlite(struct json_write *w, const struct db_state *db)
{
    const bool has_free = db->freelist_count != DB_UNKNOWN && db->page_size != DB_UNKNOWN;
    jw_object(w, "sqlite");
    jw_known_real(w, "dbSizeMB", megabytes(db_state_bytes(db)));
    jw_known_real(w, "walSizeMB", megabytes(db->wal_bytes));
    jw_known_real(w, "freelistMB",
                  megabytes(has_free ? db->freelist_count * db->page_size : DB_UNKNOWN));
    jw_null(w, "walPages"); /* the writer's alone to ask */
    jw_object(w, "rows");
    jw_known_int(w, "transmissions", db->transmissions);
    jw_known_int(w, "observations", db->observations);
    jw_known_int(w, "nodes", db->nodes);
    jw_known_int(w, "observers", db->observers);
    jw_object_end(w);
    jw_object_end(w);
}

static void render_perf(struct moment *moment, const struct http_request *request,
                        struct http_reply *reply)
{
    (void)request;
    struct traffic_figures total;
    struct json_write w;
    traffic_total(moment->from->traffic, &total);
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_int(&w, "uptime", uptime_s(moment));
    jw_uint(&w, "totalRequests", total.count);
    jw_real(&w, "avgMs", milli(total.mean));
    write_endpoints(&w, moment->from->traffic);
    write_slow(&w, "slowQueries", moment, PERF_SLOW);
    write_cache(&w, "size", moment);
    write_packet_store(&w, &moment->db);
    write_sqlite(&w, &moment->db);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* --- POST /api/perf/reset --------------------------------------------------------------------- */

static void post_reset(struct api *api, const struct http_request *request,
                       struct http_reply *reply)
{
    (void)request;
    traffic_reset(api->moments.traffic);
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_bool(&w, "ok", true);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/health",
     .renderer = render_health,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "How this server is, in CoreScope's shape; probes ask healthz",
     .answer = "{status: 'ok'|'warn'|'fail'|'unknown', engine: str, version: str, commit: str, "
               "buildTime: str, uptime: int, uptimeHuman: str, memory: {rss?: int, heapUsed: int, "
               "heapTotal: int, external: int}, eventLoop: {currentLagMs: num, maxLagMs: num, "
               "p50Ms: num, p95Ms: num, p99Ms: num}, cache: {entries: int, hits: int, "
               "misses: int, staleHits: int, recomputes: int, hitRate: num}, "
               "websocket: {clients: int}, packetStore: {packets?: int, estimatedMB: num, "
               "trackedMB: num}, perf: {totalRequests: int, avgMs: num, slowQueries: int, "
               "recentSlow: [slow_request]}}"},
    {.method = "GET",
     .path = "/api/perf",
     .renderer = render_perf,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "What was asked since the last reset and how long it took, by route",
     .answer = "{uptime: int, totalRequests: int, avgMs: num, endpoints: {*: {count: int, "
               "avgMs: num, p50Ms: num, p95Ms: num, maxMs: num}}, slowQueries: [slow_request], "
               "cache: {size: int, hits: int, misses: int, staleHits: int, recomputes: int, "
               "hitRate: num}, packetStore: packet_store, sqlite: {dbSizeMB?: num, "
               "walSizeMB?: num, freelistMB?: num, walPages: any?, rows: {transmissions?: int, "
               "observations?: int, nodes?: int, observers?: int}}}"},
    {.method = "POST",
     .path = "/api/perf/reset",
     .handler = post_reset,
     .access = HTTP_WRITE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "memory",
     .summary = "Begins the figures of /api/perf anew; those of /metrics only grow",
     .answer = "{ok: bool}"},
};
const struct route_family api_traffic_routes = {rows, ARRAY_LEN(rows)};
