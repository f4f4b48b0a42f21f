/* SPDX-License-Identifier: MIT
 *
 * /api/perf/io, /api/perf/sqlite, /api/perf/write-sources in CoreScope's shapes. write-sources also
 * carries what the page shows and CoreScope has no place for: stale, status, ledger, queue,
 * workers, commit. */
#include "cmd/server/api/families.h"
#include "cmd/server/moment/moment.h"
#include "common/stats/stats_json.h"

#include <math.h>
#include <stdio.h>

#define BYTES_PER_MB 1048576.0

/* --- perf/io ---------------------------------------------------------------------------------- */

/* Left out rather than shown as zeros: a dead ingestor is not an idle one. */
static void write_ingestor(struct json_write *w, const struct moment *moment)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    if (s == NULL || !moment->stats->has_rates)
        return;
    const wall_us at = s->procio_sampled_at != STATS_UNKNOWN ? s->procio_sampled_at : s->sampled_at;
    if (!moment_is_fresh(moment, at))
        return;
    jw_object(w, "ingestor");
    stats_json_rates(w, &moment->stats->rates);
    jw_time(w, "sampledAt", at);
    jw_object_end(w);
}

static void render_io(struct moment *moment, const struct http_request *request,
                      struct http_reply *reply)
{
    (void)request;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    stats_json_rates(&w, &moment->io);
    write_ingestor(&w, moment);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* --- perf/sqlite ------------------------------------------------------------------------------ */

static double megabytes(int64_t bytes)
{
    return bytes == DB_UNKNOWN ? (double)NAN : (double)bytes / BYTES_PER_MB;
}

static void render_sqlite(struct moment *moment, const struct http_request *request,
                          struct http_reply *reply)
{
    (void)request;
    const struct db_state *db = &moment->db;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_known_real(&w, "walSizeMB", megabytes(db->wal_bytes));
    jw_known_int(&w, "walSize", db->wal_bytes);
    jw_known_int(&w, "pageCount", db->page_count);
    jw_known_int(&w, "pageSize", db->page_size);
    jw_known_int(&w, "cacheSize", db->cache_size);
    jw_known_real(&w, "cacheHitRate", db_state_hit_rate(db));
    jw_known_int(&w, "dbSizeBytes", db_state_bytes(db));
    jw_known_int(&w, "freelistCount", db->freelist_count);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* --- perf/write-sources ----------------------------------------------------------------------- */

static void write_counters(struct json_write *w, const struct stats_snapshot *s)
{
    stats_json_write_sources(w, s);
    for (size_t i = 0; i < s->backfill_count; i++) {
        if (s->backfills[i].count == STATS_UNKNOWN)
            continue;
        char key[sizeof s->backfills[i].name + 16];
        (void)snprintf(key, sizeof key, "backfill_%s", s->backfills[i].name);
        jw_key(w, key);
        jw_int(w, NULL, s->backfills[i].count);
    }
}

static void write_snapshot(struct json_write *w, const struct moment *moment,
                           const struct stats_snapshot *s)
{
    jw_time(w, "sampleAt", s->sampled_at);
    stats_json_writers(w, s);
    stats_json_other_metrics(w, s);
    jw_bool(w, "stale", !moment_is_sample_fresh(moment));
    jw_string(w, "status", s->status);
    jw_time(w, "startedAt", s->started_at);
    stats_json_stopped(w, s);
    stats_json_sources(w, s);
    stats_json_workers(w, s, moment_is_sample_true(moment));
    stats_json_commit(w, s);
}

static void render_write_sources(struct moment *moment, const struct http_request *request,
                                 struct http_reply *reply)
{
    (void)request;
    const struct stats_snapshot *s = moment_snapshot(moment);
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_object(&w, "sources");
    if (s != NULL)
        write_counters(&w, s);
    jw_object_end(&w);
    if (s != NULL)
        write_snapshot(&w, moment, s);
    else
        jw_string(&w, "sampleAt", "");
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/perf/io",
     .renderer = render_io,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "Bytes and system calls per second of server and ingestor",
     .answer = "{readBytesPerSec?: num, writeBytesPerSec?: num, cancelledWriteBytesPerSec?: num, "
               "syscallsRead?: num, syscallsWrite?: num, ingestor?: io_rates}"},
    {.method = "GET",
     .path = "/api/perf/sqlite",
     .renderer = render_sqlite,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "The database: its size, its log, its pages, SQLite's own cache",
     .answer = "{walSizeMB?: num, walSize?: int, pageCount?: int, pageSize?: int, "
               "cacheSize?: int, cacheHitRate?: num, dbSizeBytes?: int, freelistCount?: int}"},
    {.method = "GET",
     .path = "/api/perf/write-sources",
     .renderer = render_write_sources,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "What was written and by whom: ledger, queues, workers, commits",
     .answer = "{sources: write_counts, sampleAt: str, writer_perf?: {*: writer}, stale?: bool, "
               "status?: str, startedAt?: str, stoppedAt?: time, watchdogLastTickUnix?: unix, "
               "ledger?: {sinceUnix?: unix, total?: ledger, sources: {*: ledger}}, "
               "source_liveness?: {*: clocks}, queue?: {*: queue}, workers?: [worker], "
               "workerUnhealthy?: [unhealthy], commit?: commit, *: int}"},
};
const struct route_family api_perf_routes = {rows, ARRAY_LEN(rows)};
