/* SPDX-License-Identifier: MIT
 *
 * /api/livez, /api/readyz, /api/healthz: what they mean stands in health.h. */
#include "cmd/server/api/families.h"
#include "cmd/server/moment/moment.h"
#include "common/stats/stats_json.h"

static const char *const level_texts[] = {
    [HEALTH_PASS] = "pass",
    [HEALTH_WARN] = "warn",
    [HEALTH_FAIL] = "fail",
};

static void render_livez(struct moment *moment, const struct http_request *request,
                         struct http_reply *reply)
{
    (void)moment;
    (void)request;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_bool(&w, "alive", true);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

static void render_readyz(struct moment *moment, const struct http_request *request,
                          struct http_reply *reply)
{
    (void)request;
    const char *reason = health_not_ready(&moment->db, moment->mono, moment->is_draining);
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_bool(&w, "ready", reason == NULL);
    if (reason != NULL) {
        jw_string(&w, "reason", reason);
        reply->status = 503;
    }
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* --- healthz ---------------------------------------------------------------------------------- */

static void write_checks(struct json_write *w, const struct health_report *report)
{
    jw_object(w, "checks");
    for (size_t i = 0; i < report->count; i++) {
        const struct health_check *check = &report->checks[i];
        jw_key(w, check->name);
        jw_object(w, NULL);
        jw_string(w, "status", level_texts[check->level]);
        jw_string(w, "output", check->output);
        jw_int(w, "sinceUnix", check->since_unix);
        jw_object_end(w);
    }
    jw_object_end(w);
}

/* Nothing is filled in behind the clients' backs here; CoreScope's clients look for it. */
static void write_backfill(struct json_write *w)
{
    jw_object(w, "from_pubkey_backfill");
    jw_int(w, "total", 0);
    jw_int(w, "processed", 0);
    jw_bool(w, "done", true);
    jw_object_end(w);
}

static void render_healthz(struct moment *moment, const struct http_request *request,
                           struct http_reply *reply)
{
    const struct health_report *report = moment_health(moment);
    if (report == NULL)
        return; /* no body: no memory */
    const bool is_failed = report->level == HEALTH_FAIL;
    const bool is_refused =
        is_failed || (report->level == HEALTH_WARN && http_query_is_set(request->query, "strict"));
    const struct stats_snapshot *s = moment_snapshot(moment);
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_bool(&w, "ready", !is_failed);
    if (is_refused)
        jw_string(&w, "reason", is_failed ? report->reason : "warnings");
    jw_string(&w, "status", level_texts[report->level]);
    jw_known_int(&w, "loadedTx", moment->db.transmissions);
    jw_known_int(&w, "loadedObs", moment->db.observations);
    write_backfill(&w);
    if (s != NULL)
        stats_json_liveness(&w, "ingest_liveness", s);
    write_checks(&w, report);
    jw_object_end(&w);
    reply->status = is_refused ? 503 : 200;
    http_reply_line(reply, "X-CoreScope-Load-Status", is_failed ? "loading" : "ready");
    http_reply_json(reply, &w);
}

static const struct http_parameter healthz_parameters[] = {
    {"strict", HTTP_PARAMETER_FLAG, "A warning is 503, too"}, {0}};

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/livez",
     .renderer = render_livez,
     .access = HTTP_OPEN,
     .cache = HTTP_NO_STORE,
     .is_probe = true,
     .listeners = ROUTE_ON_BOTH,
     .worst_cost = ROUTE_RENDERED,
     .summary = "Does the server serve? Touches no file and no database",
     .answer = "{alive: bool}"},
    {.method = "GET",
     .path = "/api/readyz",
     .renderer = render_readyz,
     .access = HTTP_OPEN,
     .cache = HTTP_NO_STORE,
     .is_probe = true,
     .listeners = ROUTE_ON_BOTH,
     .worst_cost = ROUTE_RENDERED,
     .summary = "May requests be sent here? 503 while it starts, drains, or has no database",
     .answer = "{ready: bool, reason?: str}"},
    {.method = "GET",
     .path = "/api/healthz",
     .renderer = render_healthz,
     .parameters = healthz_parameters,
     .access = HTTP_OPEN,
     .cache = HTTP_NO_STORE,
     .is_probe = true,
     .listeners = ROUTE_ON_BOTH,
     .worst_cost = ROUTE_RENDERED,
     .summary = "The verdict over everything, with its checks; 503 when it is fail",
     .answer = "{ready: bool, reason?: str, status: 'pass'|'warn'|'fail', loadedTx?: int, "
               "loadedObs?: int, from_pubkey_backfill: {total: int, processed: int, done: bool}, "
               "ingest_liveness?: {*: clocks}, checks: {*: health_check}}"},
};
const struct route_family api_health_routes = {rows, ARRAY_LEN(rows)};
