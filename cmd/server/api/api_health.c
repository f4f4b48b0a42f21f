/* SPDX-License-Identifier: MIT
 *
 * /api/livez, /api/readyz, /api/healthz: what they mean stands in health.h. */
#include "cmd/server/api/families.h"
#include "cmd/server/moment/moment.h"
#include "cmd/server/ops/answers.h"

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

static void render_healthz(struct moment *moment, const struct http_request *request,
                           struct http_reply *reply)
{
    const struct health_report *report = moment_health(moment);
    if (report == NULL)
        return; /* no body: no memory */
    const bool is_failed = report->level == HEALTH_FAIL;
    const bool is_refused =
        is_failed || (report->level == HEALTH_WARN && http_query_is_set(request->query, "strict"));
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    answers_health(&w, NULL, moment, report,
                   is_failed || !is_refused ? report->reason : "warnings");
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
     .answer = "health"},
};
const struct route_family api_health_routes = {rows, ARRAY_LEN(rows)};
