/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/radio_routes.h"

#include "cmd/server/analytics/analytics.h"
#include "cmd/server/radio/channel_traffic.h"
#include "cmd/server/radio/collisions.h"
#include "cmd/server/radio/coverage.h"
#include "cmd/server/radio/hash_sizes.h"
#include "cmd/server/radio/leaderboard.h"
#include "cmd/server/radio/rf.h"
#include "cmd/server/radio/roles.h"

#define KEY "A public key in hex, or its first digits, at least 8, if one node alone has them"

ANALYTICS_ASKER(rf)
ANALYTICS_ASKER(channel_traffic)
ANALYTICS_ASKER(hash_sizes)
ANALYTICS_ASKER(collisions)
ANALYTICS_ASKER(roles)

static void ask_leaderboard(struct asking *asking, const struct http_request *request,
                            struct http_reply *reply)
{
    if (coverage_is_on(asking, reply))
        analytics_reply(asking, request, reply, &analysis_leaderboard);
}

static const struct http_parameter coverage_parameters[] = {
    {"bbox", HTTP_PARAMETER_LIST, "west,south,east,north in degrees: only what was heard there"},
    {"days", HTTP_PARAMETER_INT, "Over how many days: 7, at most 30"},
    {"z", HTTP_PARAMETER_INT, "Zoom of the map: 12, at most 20; a cell is some 16 pixels"},
    {0}};
static const struct http_parameter node_parameters[] = {
    {"days", HTTP_PARAMETER_INT, "Over how many days: 7, at most 30"},
    {"z", HTTP_PARAMETER_INT, "Zoom of the map: 12, at most 20; a cell is some 16 pixels"},
    {0}};

#define ANALYSIS(row_path, name, what, shape)                                                      \
    {                                                                                              \
        .method = "GET", .path = (row_path), .asker = ask_##name, .asks_nothing = true,            \
        .is_engined = true, .parameters = name##_parameters, .cache = HTTP_REVALIDATE,             \
        .listeners = ROUTE_ON_MAIN, .worst_cost = ANALYTICS_COST, .summary = (what),               \
        .answer = (shape)                                                                          \
    }

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/analytics",
     .is_engined = true,
     .asker = analytics_list,
     .asks_nothing = true,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "0.1 ms",
     .summary = "Which analyses are kept, how old they are and what computing each cost",
     .answer = ANALYTICS_LIST_SHAPE},
    ANALYSIS("/api/analytics/rf", rf,
             "How strong what was received was, how much of it, of which type and size", RF_SHAPE),
    ANALYSIS("/api/analytics/channels", channel_traffic, "Who says how much in which channel",
             CHANNEL_TRAFFIC_SHAPE),
    ANALYSIS("/api/analytics/hash-sizes", hash_sizes,
             "How many bytes a hop packets and nodes use, and over which hops most packets come",
             HASH_SIZES_SHAPE),
    ANALYSIS("/api/analytics/hash-collisions", collisions,
             "Which repeaters and rooms a hop of 1, 2 or 3 bytes can't tell apart, and which "
             "prefixes are taken",
             COLLISIONS_SHAPE),
    ANALYSIS("/api/analytics/roles", roles,
             "The nodes by role, and how wrong their clocks are, in seconds without their sign",
             ROLES_SHAPE),
    ANALYSIS("/api/rx-leaderboard", leaderboard,
             "Which phones told most of what they heard; 404 while clientRxCoverage is off",
             LEADERBOARD_SHAPE),
    {.method = "GET",
     .path = "/api/rx-coverage",
     .is_engined = true,
     .asker = coverage_answer,
     .parameters = coverage_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "40 ms: 20,000 receptions",
     .summary = "Where phones heard whom, as GeoJSON; 404 while clientRxCoverage is off",
     .answer = COVERAGE_SHAPE},
    {.method = "GET",
     .path = "/api/nodes/:key/rx-coverage",
     .is_engined = true,
     .argument = KEY,
     .asker = coverage_of_node_answer,
     .parameters = node_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "40 ms: 20,000 receptions",
     .summary = "Where phones heard this node, as GeoJSON; 404 while clientRxCoverage is off",
     .answer = COVERAGE_SHAPE},
};
const struct route_family radio_routes = {rows, ARRAY_LEN(rows)};
