/* SPDX-License-Identifier: MIT */
#include "cmd/server/nodes/nodes_routes.h"

#include "cmd/server/nodes/node_filter.h"
#include "cmd/server/nodes/nodes.h"

#define KEY         "A public key in hex, or its first digits, at least 8, if one node alone has them"
#define FROM_MEMORY "1 ms; 20 ms once a second in a mesh of 50,000 nodes"

static const struct http_parameter list_parameters[] = {
    NODE_FILTER_BEFORE,
    {"format", HTTP_PARAMETER_TEXT, "json, or contacts: the import file of companions' apps"},
    NODE_FILTER_SCOPES,
    {"limit", HTTP_PARAMETER_INT, "How many at most: 50 (contacts: 2000), at most 2000"},
    {"offset", HTTP_PARAMETER_INT, "How many to pass over"},
    NODE_FILTER_TEXTS,
    {0}};
static const struct http_parameter search_parameters[] = {
    {"q", HTTP_PARAMETER_TEXT, "A part of the name, or the first digits of the key"}, {0}};
static const struct http_parameter resolve_parameters[] = {
    {"prefix", HTTP_PARAMETER_TEXT, "4 to 64 hex digits"}, {0}};
static const struct http_parameter hops_parameters[] = {
    {"hops", HTTP_PARAMETER_LIST, "Beginnings of keys, in hex; at most 64"}, {0}};

#define SKEW_MEMBERS                                                                               \
    "pubkey: hex, nodeName: str?, nodeRole: str?, meanSkewSec: num, medianSkewSec: num, "          \
    "lastSkewSec: num, recentMedianSkewSec: num, driftPerDaySec: num, severity: "                  \
    "'ok'|'warning'|'critical'|'absurd'|'no_clock', sampleCount: int, calibrated: bool, "          \
    "lastAdvertTS: unix, lastObservedTS: unix, goodFraction: num, recentBadSampleCount: int, "     \
    "recentSampleCount: int"

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/nodes",
     .asker = nodes_ask_list,
     .parameters = list_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = FROM_MEMORY,
     .summary = "The nodes that match all filters, last heard first; total is how many match. "
                "format=contacts: those with a name and a role, {contacts}",
     .answer =
         "{nodes?: [node], total?: int, counts?: {repeaters: int, rooms: int, companions: int, "
         "sensors: int}, window?: window, contacts?: [{type: int, name: str, custom_name: str?, public_key: hex, "
         "flags: int, latitude: str, longitude: str, last_advert: unix, last_modified: unix, "
         "out_path_list: any?}]}"},
    {.method = "GET",
     .path = "/api/nodes/search",
     .asker = nodes_ask_search,
     .parameters = search_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = FROM_MEMORY,
     .summary = "At most 10 nodes by a part of their name or the beginning of their key",
     .answer = "{nodes: [node]}"},
    {.method = "GET",
     .path = "/api/nodes/resolve",
     .asker = nodes_ask_resolve,
     .parameters = resolve_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = FROM_MEMORY,
     .summary = "The one node whose key begins so",
     .answer = "{prefix: str, pubkey?: hex, name?: str, ambiguous: bool}"},
    {.method = "GET",
     .path = "/api/nodes/network-status",
     .asker = nodes_ask_network_status,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = FROM_MEMORY,
     .summary = "How many nodes were heard lately: active (repeaters and rooms within 24 hours, "
                "others within one; healthThresholds), degraded, or silent (72 and 24 hours)",
     .answer = "{total: int, active: int, degraded: int, silent: int, roleCounts: {*: int}}"},
    {.method = "GET",
     .path = "/api/nodes/clock-skew",
     .asker = nodes_ask_clock_skews,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "2 us a node",
     .summary =
         "How wrong the nodes' clocks are, from the newest 20 adverts of each, in seconds (+ "
         "= ahead): severity by the median of the newest 5",
     .answer = "[{" SKEW_MEMBERS "}]"},
    {.method = "GET",
     .path = "/api/nodes/:key",
     .argument = KEY,
     .asker = nodes_ask_detail,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "1 ms; 5 ms when its adverts are read from the disk",
     .summary = "One node with its newest 20 adverts; 409 with the candidates when several keys "
                "begin so",
     .answer = "{node: node_detail, window?: window, recentAdverts: [{id: int, hash: hex, ...}]}"},
    {.method = "GET",
     .path = "/api/nodes/:key/clock-skew",
     .argument = KEY,
     .asker = nodes_ask_clock_skew,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "1 ms",
     .summary = "How wrong one node's clock is, with the samples",
     .answer =
         "{" SKEW_MEMBERS ", samples: [{ts: unix, skew: num}], recentBadSamples: [{hash: hex, "
         "advertTS: unix, skewSec: num}], calibrationSummary: {totalSamples: int, "
         "calibratedSamples: int, uncalibratedSamples: int}, recentHashEvidence: [{hash: hex, "
         "timestamp: unix, medianCorrectedSkewSec: num, observers: [{observerID: str, "
         "observerName: str?, observerOffsetSec: num, rawSkewSec: num, correctedSkewSec: num, "
         "calibrated: bool}]}]}"},
    {.method = "GET",
     .path = "/api/resolve-hops",
     .asker = nodes_ask_resolve_hops,
     .parameters = hops_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = FROM_MEMORY,
     .summary =
         "Which node each hop means: of two bytes and more the one whose key begins so, of "
         "one byte the one among those that advertised within seven days; and all candidates",
     .answer =
         "{resolved: {*: {name: str?, pubkey?: hex, ambiguous: bool, candidates: [{name: str?, "
         "pubkey: hex, role: str?, lat: num?, lon: num?, last_heard: time?}], conflicts: "
         "[any]}}}"},
};
const struct route_family nodes_routes = {rows, ARRAY_LEN(rows)};
