/* SPDX-License-Identifier: MIT
 *
 * families - the families of routes; together they are everything this server answers. A family is
 * one file api_<name>.c and ends with its table. Adding a route is a function and a row there;
 * adding a family is a file and its name here. Constant data. */
#pragma once

#include "cmd/server/http/route.h"

/* What a rendered row costs at worst, when nothing but memory is read. */
#define ROUTE_RENDERED "a copy of rendered bytes; 1 ms when it is the one that renders"
#define ROUTE_ON_BOTH  (ROUTE_ON_MAIN | ROUTE_ON_HEALTH)

#define API_FAMILY_LIST(X)                                                                         \
    X(history)                                                                                     \
    X(ops)                                                                                         \
    X(health)                                                                                      \
    X(perf)                                                                                        \
    X(traffic)                                                                                     \
    X(mqtt)                                                                                        \
    X(stats)                                                                                       \
    X(packets)                                                                                     \
    X(docs)                                                                                        \
    X(live)                                                                                        \
    X(login)                                                                                       \
    X(metrics)                                                                                     \
    X(why)                                                                                         \
    X(backup)                                                                                      \
    X(folder)

/* Families that are rooms of their own: cmd/server/<room>/<room>_routes.h declares
 * `<room>_routes`, and routes.c includes it. */
#define ROOM_FAMILY_LIST(X)                                                                        \
    X(settings)                                                                                    \
    X(observers)                                                                                   \
    X(channels)                                                                                    \
    X(nodes)                                                                                       \
    X(scopes)                                                                                      \
    X(radio)                                                                                       \
    X(page)                                                                                        \
    X(paths)

/* In no family: what a WebSocket asks for, on any path. */
extern const struct route api_live_websocket;

#define X(name) extern const struct route_family api_##name##_routes;
API_FAMILY_LIST(X)
#undef X

enum api_family {
#define X(name) API_FAMILY_##name,
    API_FAMILY_LIST(X) ROOM_FAMILY_LIST(X)
#undef X
        API_FAMILY_COUNT
};
