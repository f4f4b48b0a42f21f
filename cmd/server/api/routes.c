/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/routes.h"

#include "cmd/server/api/api_packets.h"
#include "cmd/server/http/http.h"

#include <string.h>

#define BOTH     (ROUTE_ON_MAIN | ROUTE_ON_HEALTH)
#define RENDERED "a copy of rendered bytes; 1 ms when it is the one that renders"

/* clang-format off: a table */
const struct route routes[] = {
    {.path = "/api/healthz",
     .is_probe = true,
     .listeners = BOTH,
     .kind = ROUTE_ANSWER,
     .answer = ANSWER_HEALTHZ,
     .strict = ANSWER_HEALTHZ_STRICT,
     .cache = HTTP_NO_STORE,
     .worst_cost = RENDERED},
    {.path = "/api/perf/io",
     .listeners = ROUTE_ON_MAIN,
     .kind = ROUTE_ANSWER,
     .answer = ANSWER_PERF_IO,
     .strict = ANSWER_PERF_IO,
     .cache = HTTP_NO_STORE,
     .worst_cost = RENDERED},
    {.path = "/api/perf/sqlite",
     .listeners = ROUTE_ON_MAIN,
     .kind = ROUTE_ANSWER,
     .answer = ANSWER_PERF_SQLITE,
     .strict = ANSWER_PERF_SQLITE,
     .cache = HTTP_NO_STORE,
     .worst_cost = RENDERED},
    {.path = "/api/livez",
     .is_probe = true,
     .listeners = BOTH,
     .kind = ROUTE_ANSWER,
     .answer = ANSWER_LIVEZ,
     .strict = ANSWER_LIVEZ,
     .cache = HTTP_NO_STORE,
     .worst_cost = RENDERED},
    {.path = "/api/readyz",
     .is_probe = true,
     .listeners = BOTH,
     .kind = ROUTE_ANSWER,
     .answer = ANSWER_READYZ,
     .strict = ANSWER_READYZ,
     .cache = HTTP_NO_STORE,
     .worst_cost = RENDERED},
    {.path = "/api/perf/write-sources",
     .listeners = ROUTE_ON_MAIN,
     .kind = ROUTE_ANSWER,
     .answer = ANSWER_WRITE_SOURCES,
     .strict = ANSWER_WRITE_SOURCES,
     .cache = HTTP_NO_STORE,
     .worst_cost = RENDERED},
    {.path = "/api/mqtt/status",
     .listeners = ROUTE_ON_MAIN,
     .kind = ROUTE_ANSWER,
     .answer = ANSWER_MQTT_STATUS,
     .strict = ANSWER_MQTT_STATUS,
     .cache = HTTP_NO_STORE,
     .worst_cost = RENDERED},
    {.path = "/api/stats",
     .listeners = ROUTE_ON_MAIN,
     .kind = ROUTE_ANSWER,
     .answer = ANSWER_STATS,
     .strict = ANSWER_STATS,
     .cache = HTTP_NO_STORE,
     .worst_cost = RENDERED},
    {.path = "/api/packets",
     .is_post = true,
     .listeners = ROUTE_ON_MAIN,
     .kind = ROUTE_HANDLER,
     .handler = api_packets_post,
     .cache = HTTP_NO_STORE,
     .worst_cost = "1 s: the ingestor's socket"},
    {.path = "/metrics",
     .listeners = BOTH,
     .kind = ROUTE_HANDLER,
     .handler = http_metrics,
     .cache = HTTP_NO_STORE,
     .worst_cost = "1 ms: formats one snapshot"},
    {.path = "/",
     .listeners = ROUTE_ON_MAIN,
     .kind = ROUTE_ASSET,
     .asset = "index.html",
     .cache = HTTP_REVALIDATE,
     .worst_cost = "a copy of embedded bytes"},
    {.path = "/app.css",
     .listeners = ROUTE_ON_MAIN,
     .kind = ROUTE_ASSET,
     .asset = "app.css",
     .cache = HTTP_REVALIDATE,
     .worst_cost = "a copy of embedded bytes"},
    {.path = "/app.js",
     .listeners = ROUTE_ON_MAIN,
     .kind = ROUTE_ASSET,
     .asset = "app.js",
     .cache = HTTP_REVALIDATE,
     .worst_cost = "a copy of embedded bytes"},
};
/* clang-format on */
const size_t route_count = ARRAY_LEN(routes);

const struct route *route_find(const char *path, unsigned listener)
{
    for (size_t i = 0; i < route_count; i++) {
        if ((routes[i].listeners & listener) != 0 && strcmp(routes[i].path, path) == 0)
            return &routes[i];
    }
    return NULL;
}
