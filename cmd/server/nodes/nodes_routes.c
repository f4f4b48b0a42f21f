/* SPDX-License-Identifier: MIT */
#include "cmd/server/nodes/nodes_routes.h"

#include "cmd/server/nodes/node_filter.h"
#include "cmd/server/nodes/nodes.h"

#define KEY         "A public key in hex, or its first digits, at least 8, if one node alone has them"
#define FROM_MEMORY "1 ms; 20 ms once a second in a mesh of 50,000 nodes"

static const struct http_parameter list_parameters[] = {
    NODE_FILTER_BEFORE,
    {"cursor", HTTP_PARAMETER_TEXT, "Of an ndjson or csv file: goes on behind this line's"},
    {"format", HTTP_PARAMETER_TEXT,
     "json; contacts: the import file of companions' apps; ndjson or csv: a file of all that match"},
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

static const struct http_parameter bulk_parameters[] = {
    NODE_FILTER_AREA,
    {"limit", HTTP_PARAMETER_INT, "How many at most: 50, at most 200"},
    NODE_FILTER_REGION,
    {0}};
static const struct http_parameter skews_parameters[] = {
    {"limit", HTTP_PARAMETER_INT, "How many at most: 20000, which is also the most"},
    {"offset", HTTP_PARAMETER_INT, "How many to pass over"},
    {0}};
static const struct http_parameter analytics_parameters[] = {
    {"days", HTTP_PARAMETER_INT, "Over how many days: 7, at most 365"}, {0}};
static const struct http_parameter battery_parameters[] = {
    {"days", HTTP_PARAMETER_INT, "Over how many days: 7, at most 30"}, {0}};
static const struct http_parameter paths_parameters[] = {
    {"limit", HTTP_PARAMETER_INT, "How many at most: 50, at most 200"}, {0}};
static const struct http_parameter neighbors_parameters[] = {
    {"min_count", HTTP_PARAMETER_INT, "Only neighbours with so many receptions at least"}, {0}};

#define BASIS "basis: {adverts?: int, since?: time?, asOf?: time, complete: bool}"
#define HEARD                                                                                      \
    "[{observer_id: str, observer_name: str?, iata?: str, packetCount: int, avgSnr: num?, "        \
    "avgRssi: num?, firstSeen?: time, lastSeen: time, can_relay?: bool}]"

#define SKEW_MEMBERS                                                                               \
    "pubkey: hex, nodeName: str?, nodeRole: str?, meanSkewSec: num, medianSkewSec: num, "          \
    "lastSkewSec: num, recentMedianSkewSec: num, driftPerDaySec: num, severity: "                  \
    "'ok'|'warning'|'critical'|'absurd'|'no_clock', sampleCount: int, calibrated: bool, "          \
    "lastAdvertTS: unix, lastObservedTS: unix, goodFraction: num, recentBadSampleCount: int, "     \
    "recentSampleCount: int"

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/nodes",
     .is_engined = true,
     .asker = nodes_ask_list,
     .exporter = nodes_export,
     .reads_format = true,
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
     .is_engined = true,
     .asker = nodes_ask_search,
     .parameters = search_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = FROM_MEMORY,
     .summary = "At most 10 nodes by a part of their name or the beginning of their key",
     .answer = "{nodes: [node]}"},
    {.method = "GET",
     .path = "/api/nodes/resolve",
     .is_engined = true,
     .asker = nodes_ask_resolve,
     .parameters = resolve_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = FROM_MEMORY,
     .summary = "The one node whose key begins so",
     .answer = "{prefix: str, pubkey?: hex, name?: str, ambiguous: bool}"},
    {.method = "GET",
     .path = "/api/nodes/network-status",
     .is_engined = true,
     .asker = nodes_ask_network_status,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = FROM_MEMORY,
     .summary = "How many nodes were heard lately: active (repeaters and rooms within 24 hours, "
                "others within one; healthThresholds), degraded, or silent (72 and 24 hours)",
     .answer = "{total: int, active: int, degraded: int, silent: int, roleCounts: {*: int}}"},
    {.method = "GET",
     .path = "/api/nodes/bulk-health",
     .is_engined = true,
     .asker = nodes_ask_bulk_health,
     .parameters = bulk_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "10 ms: 100,000 pairs of node and observer in memory",
     .summary = "How the nodes that were heard last are heard: observers, averages and "
                "totalObservations are of their adverts of the last 24 hours (since, complete); of "
                "observerCount observers the 300 who heard most",
     .answer =
         "[{public_key: hex, name: str?, role: str?, lat: num?, lon: num?, stats: "
         "{totalTransmissions?: int, totalPackets?: int, totalObservations: int, "
         "packetsToday?: int, avgSnr: num?, lastHeard: time?, avgHops?: num, since: time, complete: bool}, "
         "observerCount: int, observers: " HEARD "}]"},
    {.method = "GET",
     .path = "/api/nodes/clock-skew",
     .is_engined = true,
     .asker = nodes_ask_clock_skews,
     .parameters = skews_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "2 us a node",
     .summary =
         "How wrong the nodes' clocks are, from the newest 20 adverts of each, in seconds (+ "
         "= ahead): severity by the median of the newest 5",
     .answer = "[{" SKEW_MEMBERS "}]"},
    {.method = "GET",
     .path = "/api/nodes/:key",
     .is_engined = true,
     .argument = KEY,
     .asker = nodes_ask_detail,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "1 ms; 5 ms when its adverts are read from the disk",
     .summary = "One node with its newest 20 adverts; 409 with the candidates when several keys "
                "begin so",
     .answer = "{node: node_detail, window?: window, recentAdverts: [packet]}"},
    {.method = "GET",
     .path = "/api/nodes/:key/clock-skew",
     .is_engined = true,
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
     .path = "/api/nodes/:key/health",
     .is_engined = true,
     .argument = KEY,
     .asker = nodes_ask_health,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "3 ms: its observers, or 200 adverts with their receptions",
     .summary = "How a node is heard: its observers, averages and totalObservations are of all its "
                "stored adverts as of a time, or, where none was counted yet, of its newest 200 "
                "(basis); totalTransmissions counts all its adverts",
     .answer =
         "{node: node, observers: " HEARD ", stats: {totalTransmissions?: int, totalPackets?: int, "
         "totalObservations: int, packetsToday?: int, avgSnr: num?, lastHeard: time?, avgHops?: "
         "num}, recentPackets: [packet], " BASIS "}"},
    {.method = "GET",
     .path = "/api/nodes/:key/analytics",
     .is_engined = true,
     .argument = KEY,
     .asker = nodes_ask_analytics,
     .parameters = analytics_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "4 ms: 200 adverts with their receptions, 8,760 hours",
     .summary = "A node's adverts over some days: by hour up to three days, else by day (UTC); "
                "signals and observers are of its newest 200 adverts in the range (basis)",
     .answer =
         "{node: node, timeRange: {from: time, to: time, days: int}, activityTimeline: [{bucket: "
         "time, count: int}], snrTrend: [{timestamp: time, snr: num, rssi: num?, observer_id: "
         "str, observer_name: str?}], packetTypeBreakdown: [{payload_type: int, count: int}], "
         "observerCoverage: " HEARD ", hopDistribution: [{hops: str, count: int}], "
         "peerInteractions: [any], uptimeHeatmap: [{dayOfWeek: int, hour: int, count: int}], "
         "computedStats: {availabilityPct: num, longestSilenceMs: int, longestSilenceStart: "
         "time?, signalGrade: str?, snrMean: num?, snrStdDev: num?, relayPct: num?, "
         "totalPackets: int, totalTransmissions: int, uniqueObservers: int, uniquePeers: int, "
         "avgPacketsPerDay: num}, " BASIS "}"},
    {.method = "GET",
     .path = "/api/nodes/:key/battery",
     .is_engined = true,
     .argument = KEY,
     .asker = nodes_ask_battery,
     .parameters = battery_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "5 ms: 10,000 samples",
     .summary = "A node's battery, from its statuses where it is an observer, else from its newest "
                "advert that told one; low below 3.3 V, critical below 3.0 V",
     .answer =
         "{public_key: hex, days: int, samples: [{timestamp: time, battery_mv: num}], latest_mv: "
         "num?, latest_ts: time?, status: 'ok'|'low'|'critical'|'unknown', thresholds: {low_mv: "
         "int, critical_mv: int}}"},
    {.method = "GET",
     .path = "/api/nodes/:key/paths",
     .is_engined = true,
     .argument = KEY,
     .asker = nodes_ask_paths,
     .parameters = paths_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "3 ms: 65,536 paths in memory",
     .summary = "The paths of the last 24 hours that go over this node, the most travelled first; "
                "count: receptions, totalTransmissions: packets",
     .answer =
         "{node: node, paths: [{hops: [{prefix: str, name: str, pubkey: hex?, lat: num?, lon: "
         "num?, ambiguous?: bool}], count: int, lastSeen: time?, sampleHash?: hex}], totalPaths: "
         "int, totalTransmissions: int, window: window}"},
    {.method = "GET",
     .path = "/api/nodes/:key/hop_analytics",
     .is_engined = true,
     .argument = KEY,
     .asker = nodes_ask_hop_analytics,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "2 ms: 131,072 counts in memory",
     .summary = "At which place of the path the node stood, by type of packet, of the packets of "
                "the last 24 hours that came over it: 0 is the first hop. For choosing flood.max",
     .answer =
         "{pubkey: hex, days: int, window: window, byType: [{payload_type: int, scoped: bool, "
         "hops: [{hops: int, count: int}]}]}"},
    {.method = "GET",
     .path = "/api/nodes/:key/neighbors",
     .is_engined = true,
     .argument = KEY,
     .asker = nodes_ask_neighbors,
     .parameters = neighbors_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "3 ms: 65,536 edges in memory",
     .summary =
         "Who stood next to this node in the paths of the last 24 hours, at most 500; count: "
         "receptions, score: count / 100, at most 1; counts_by_mode: by bytes a hop",
     .answer =
         "{node: hex, neighbors: [{pubkey: hex?, prefix: str, name: str?, role: str?, ambiguous: "
         "bool, unresolved?: bool, candidates?: [{pubkey: hex, name: str?, role: str?}], "
         "distance_km?: num, count: int, score: num, first_seen: time, last_seen: time, avg_snr: "
         "num?, observers: [str], counts_by_mode: {*: int}}], total_neighbors: int, "
         "total_observations: int, window: window}"},
    {.method = "GET",
     .path = "/api/resolve-hops",
     .is_engined = true,
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
