/* SPDX-License-Identifier: MIT
 *
 * /api/perf/io, /api/perf/sqlite, /api/perf/write-sources in CoreScope's shapes (answers.h). */
#include "cmd/server/api/api.h"
#include "cmd/server/api/families.h"
#include "cmd/server/moment/moment.h"
#include "cmd/server/ops/answers.h"
#include "cmd/server/shards/shards.h"
#include "common/json/json_write.h"

static void render_io(struct moment *moment, const struct http_request *request,
                      struct http_reply *reply)
{
    (void)request;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    answers_io(&w, NULL, moment);
    http_reply_json(reply, &w);
}

static void render_sqlite(struct moment *moment, const struct http_request *request,
                          struct http_reply *reply)
{
    (void)request;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    answers_sqlite(&w, NULL, moment);
    http_reply_json(reply, &w);
}

static void render_write_sources(struct moment *moment, const struct http_request *request,
                                 struct http_reply *reply)
{
    (void)request;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    answers_writes(&w, NULL, moment);
    http_reply_json(reply, &w);
}

/* --- the store of storeUrl -------------------------------------------------------------------- */

#define SIZE_GOOD_US ((mono_us)60 * US_PER_S)

static void write_replica(struct json_write *w, const struct replica_state *state)
{
    jw_object(w, NULL);
    jw_string(w, "url", state->url);
    jw_bool(w, "reachable", state->is_up);
    if (state->version[0] != '\0')
        jw_string(w, "version", state->version);
    if (state->ping_us > 0)
        jw_real(w, "pingMs", (double)state->ping_us / US_PER_MS);
    if (state->down_since > 0)
        jw_int(w, "downSeconds", (clock_mono() - state->down_since) / US_PER_S);
    if (state->why[0] != '\0')
        jw_string(w, "lastError", state->why);
    jw_object_end(w);
}

/* What was asked long ago is not known. */
static void write_size(struct json_write *w, struct shards *shards, size_t shard)
{
    struct shard_size size;
    shards_size(shards, shard, &size);
    if (size.asked_at == 0 || clock_mono() - size.asked_at > SIZE_GOOD_US)
        return;
    jw_int(w, "rows", size.rows);
    jw_int(w, "bytesOnDisk", size.bytes);
    jw_int(w, "activeParts", size.parts);
    jw_int(w, "mostPartsOfOnePartition", size.most);
}

static void get_clickhouse(struct api *api, const struct http_request *request,
                           struct http_reply *reply)
{
    (void)request;
    struct shards *shards = api->model->shards;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_array(&w, "shards");
    for (size_t i = 0; shards != NULL && i < shards_count(shards); i++) {
        jw_object(&w, NULL);
        jw_uint(&w, "shard", i);
        jw_bool(&w, "reachable", shards_is_up(shards, i));
        write_size(&w, shards, i);
        jw_array(&w, "replicas");
        for (size_t j = 0; j < shards_replicas(shards, i); j++) {
            struct replica_state state;
            shards_state(shards, i, j, &state);
            write_replica(&w, &state);
        }
        jw_array_end(&w);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/perf/clickhouse",
     .handler = get_clickhouse,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "20 us: memory",
     .summary =
         "The servers of storeUrl, as this server reads them (storeReaderUser): which answer, "
         "since when not, the last error of each, and what a shard holds: rows as they lie there, "
         "bytes, active parts (300 of one partition make 18.16 refuse); of a server that reads "
         "dbPath none",
     .answer =
         "{shards: [{shard: int, reachable: bool, rows?: int, bytesOnDisk?: int, "
         "activeParts?: int, mostPartsOfOnePartition?: int, replicas: [{url: str, reachable: bool, "
         "version?: str, pingMs?: num, downSeconds?: int, lastError?: str}]}]}"},
    {.method = "GET",
     .path = "/api/perf/io",
     .renderer = render_io,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "Bytes and system calls per second of server and ingestor",
     .answer = "io"},
    {.method = "GET",
     .path = "/api/perf/sqlite",
     .is_of_file = true,
     .renderer = render_sqlite,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "The database: its size, its log, its pages, SQLite's own cache",
     .answer = "sqlite"},
    {.method = "GET",
     .path = "/api/perf/write-sources",
     .renderer = render_write_sources,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "What was written and by whom: ledger, queues, workers, commits",
     .answer = "writes"},
};
const struct route_family api_perf_routes = {rows, ARRAY_LEN(rows)};
