/* SPDX-License-Identifier: MIT */
#include "cmd/server/scopes/scopes_routes.h"

#include "cmd/server/analytics/analytics.h"
#include "cmd/server/scopes/scope_audit.h"
#include "cmd/server/scopes/scope_stats.h"

ANALYTICS_ASKER(scope_audit)

static const struct http_parameter parameters[] = {
    {"window", HTTP_PARAMETER_TEXT, "How far back: 1h, 24h or 7d; 24h"}, {0}};

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/scope-stats",
     .is_engined = true,
     .asker = scope_stats_answer,
     .parameters = parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "1h: 0.1 us a reception; 24h, 7d: 0.2 ms",
     .summary = "How much of what was received was scoped, and to which region",
     .answer = "{window: str, summary: {transportTotal: int, scoped: int, unscoped: int, "
               "unknownScope: int}, byRegion: [{name: str, count: int}], timeSeries: [{t: time, "
               "scoped: int, unscoped: int}], from: time, complete: bool}"},
    {.method = "GET",
     .path = "/api/analytics/scope-audit",
     .is_engined = true,
     .asker = ask_scope_audit,
     .asks_nothing = true,
     .parameters = scope_audit_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ANALYTICS_COST,
     .summary = "Which regions each repeater says that it forwards, beside the scopes of the "
                "packets that came over it in the last 24 hours; `*` among the declared are "
                "packets without a region, and covers none",
     .answer = SCOPE_AUDIT_SHAPE},
};
const struct route_family scopes_routes = {rows, ARRAY_LEN(rows)};
