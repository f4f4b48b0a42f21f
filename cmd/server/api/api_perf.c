/* SPDX-License-Identifier: MIT
 *
 * /api/perf/io, /api/perf/sqlite, /api/perf/write-sources in CoreScope's shapes (answers.h). */
#include "cmd/server/api/families.h"
#include "cmd/server/moment/moment.h"
#include "cmd/server/ops/answers.h"

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

static const struct route rows[] = {
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
