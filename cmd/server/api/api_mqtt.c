/* SPDX-License-Identifier: MIT
 *
 * /api/mqtt/status, /api/mqtt/status/:source. A stale sample proves nothing about a connection:
 * then `stale` is true, `connected` false and `state` unknown. Passwords were masked when the file
 * was parsed (stats_file_parse.h). */
#include "cmd/server/api/families.h"
#include "cmd/server/moment/moment.h"
#include "cmd/server/ops/answers.h"
#include "common/stats/stats_json.h"

#include <stdio.h>
#include <string.h>

static void render_status(struct moment *moment, const struct http_request *request,
                          struct http_reply *reply)
{
    (void)request;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    answers_mqtt(&w, NULL, moment);
    http_reply_json(reply, &w);
}

/* --- one source ------------------------------------------------------------------------------- */

static void refuse_source(const char *name, struct http_reply *reply)
{
    char text[HTTP_PATH_MAX + 64];
    (void)snprintf(text, sizeof text, "no MQTT source is named %s", name);
    http_reply_error(reply, 404, text);
}

static void render_source(struct moment *moment, const struct http_request *request,
                          struct http_reply *reply)
{
    const char *name = request->arguments[0];
    const struct stats_snapshot *s = moment_snapshot(moment);
    if (s == NULL) { /* which sources there are is not known: not a 404 */
        http_reply_error(reply, 503, "the ingestor's statistics can't be read");
        return;
    }
    size_t i = 0;
    while (i < s->mqtt_count && strcmp(s->mqtt[i].name, name) != 0)
        i++;
    if (i == s->mqtt_count) {
        refuse_source(name, reply);
        return;
    }
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    stats_json_mqtt(&w, &s->mqtt[i], moment_is_sample_true(moment));
    http_reply_json(reply, &w);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/mqtt/status",
     .renderer = render_status,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "Each broker: its state, last error, next try, subscriptions",
     .answer = "mqtt_status"},
    {.method = "GET",
     .path = "/api/mqtt/status/:source",
     .renderer = render_source,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ROUTE_RENDERED,
     .summary = "The same of one source",
     .argument = "The source's name, as in `mqttSources`",
     .answer = "broker"},
};
const struct route_family api_mqtt_routes = {rows, ARRAY_LEN(rows)};
