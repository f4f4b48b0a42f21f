/* SPDX-License-Identifier: MIT
 *
 * The live feed's rows. No answer is made here: who asks becomes a listener (listen.h). */
#include "cmd/server/api/families.h"
#include "cmd/server/live/live_filter.h"

#define COST "a slot; an event is rendered once for all"

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/live",
     .is_live = true,
     .parameters = live_parameters,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = COST,
     .summary = "Server-sent events: each reception as it is stored, with its observation id; "
                "Last-Event-ID resumes. hello, gap {after?, until}",
     .answer = "text/event-stream"},
};
const struct route_family api_live_routes = {rows, ARRAY_LEN(rows)};

const struct route api_live_websocket = {.method = "GET",
                                         .path = "any, with Upgrade: websocket",
                                         .is_live = true,
                                         .parameters = live_parameters,
                                         .listeners = ROUTE_ON_MAIN,
                                         .worst_cost = COST};
