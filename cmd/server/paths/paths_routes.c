/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/paths_routes.h"

#include "cmd/server/analytics/analytics.h"
#include "cmd/server/paths/paths.h"
#include "cmd/server/paths/subpath_groups.h"

#define KEY                                                                                        \
    "A public key in hex, or the beginning of one (at least 8 digits) that one node alone has"
#define SUBPATHS      "[{path: str, rawHops: [str], count: int, hops: int, pct: num}], totalPaths: int"
#define STOP_OBSERVER "observer_id: str, observer_name: str?, minDist: int"
#define DISTANCES     "fromName: str?, fromPk: hex, toName: str?, toPk: hex, dist: num"
#define POSITION      "lat: num?, lon: num?, distance_km?: num"

/* --- the analyses ----------------------------------------------------------------------------- */

static const struct http_parameter place_parameters[] = {ANALYTICS_AREA, ANALYTICS_REGION, {0}};
static const struct http_parameter subpaths_parameters[] = {
    ANALYTICS_AREA,
    {"limit", HTTP_PARAMETER_INT, "How many at most: 100, at most 200"},
    {"maxLen", HTTP_PARAMETER_INT, "Of at most so many hops: 8, at most 8"},
    {"minLen", HTTP_PARAMETER_INT, "Of at least so many hops: 2"},
    ANALYTICS_REGION,
    {0}};
static const struct http_parameter subpaths_bulk_parameters[] = {
    ANALYTICS_AREA,
    {"groups", HTTP_PARAMETER_TEXT,
     "Least and most hops and how many of each, 12 groups at most: " SUBPATH_GROUPS_DEFAULT},
    ANALYTICS_REGION,
    {0}};
static const struct http_parameter affinity_parameters[] = {
    {"node", HTTP_PARAMETER_TEXT, "Only edges of this node: a key, or the beginning of one"},
    {"prefix", HTTP_PARAMETER_TEXT, "Only edges to hops that begin so, in hex"},
    {0}};
static const struct http_parameter detail_parameters[] = {
    {"hops", HTTP_PARAMETER_LIST, "1 to 16 hops in hex, of one length"}, {0}};
static const struct http_parameter reach_parameters[] = {
    {"days", HTTP_PARAMETER_INT, "Taken, and without effect: the window is a day, and says so"},
    {0}};

static const struct analysis analysis_topology = {.name = "topology",
                                                  .compute = topology_compute,
                                                  .parameters = place_parameters,
                                                  .needs_summary = true,
                                                  .is_of_memory = true};
/* Not of memory alone: it names packets. */
static const struct analysis analysis_distance = {.name = "distance",
                                                  .compute = distance_compute,
                                                  .parameters = place_parameters,
                                                  .needs_summary = true,
                                                  .says_202 = true};
static const struct analysis analysis_subpaths = {.name = "subpaths",
                                                  .compute = subpaths_compute,
                                                  .parameters = subpaths_parameters,
                                                  .needs_summary = true,
                                                  .is_of_memory = true};
static const struct analysis analysis_subpaths_bulk = {.name = "subpaths-bulk",
                                                       .compute = subpaths_bulk_compute,
                                                       .parameters = subpaths_bulk_parameters,
                                                       .needs_summary = true,
                                                       .is_of_memory = true};
static const struct analysis analysis_airtime = {.name = "relay-airtime-share",
                                                 .compute = airtime_compute,
                                                 .parameters = place_parameters,
                                                 .needs_summary = true,
                                                 .is_of_memory = true};

static const struct analysis analysis_affinity = {.name = "affinity",
                                                  .compute = affinity_compute,
                                                  .parameters = affinity_parameters,
                                                  .needs_summary = true,
                                                  .is_of_memory = true};

ANALYTICS_ASKER(topology)
ANALYTICS_ASKER(neighbor_graph)
ANALYTICS_ASKER(distance)
ANALYTICS_ASKER(subpaths)
ANALYTICS_ASKER(airtime)
ANALYTICS_ASKER(affinity)

static void ask_subpaths_bulk(struct asking *asking, const struct http_request *request,
                              struct http_reply *reply)
{
    struct subpath_group groups[SUBPATH_GROUPS_MAX];
    if (subpath_groups_read(http_query_text(request->query, "groups"), groups) == 0)
        http_reply_field_error(reply, 400, "groups",
                               "groups must be written as " SUBPATH_GROUPS_DEFAULT
                               ": 2 to 8 hops, 200 rows and 12 groups at most");
    else
        analytics_reply(asking, request, reply, &analysis_subpaths_bulk);
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/analytics/topology",
     .is_engined = true,
     .asker = ask_topology,
     .asks_nothing = true,
     .parameters = place_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ANALYTICS_COST,
     .summary = "How many hops receptions came over in the last 24 hours, over whom and over which "
                "pairs, how near each observer met whom; counts are receptions. Of 48 observers 8 "
                "rings of 20 nodes (total says of how many)",
     .answer =
         "{uniqueNodes: int, avgHops: num?, medianHops: num?, maxHops: int, hopDistribution: "
         "[{hops: int, count: int}], hopsVsSnr: [{hops: int, count: int, avgSnr: num}], "
         "topRepeaters: [{hop: str, name: str?, pubkey: hex?, count: int}], topPairs: [{hopA: str, "
         "nameA: str?, pubkeyA: hex?, hopB: str, nameB: str?, pubkeyB: hex?, count: int}], "
         "observers: [{id: str, name: str?}], perObserverReach: {*: {observer_name: str?, rings: "
         "[{hops: int, nodes: [{hop: str, name: str?, pubkey: hex?, count: int, distRange?: str}], "
         "total: int}]}}, multiObsNodes: [{hop: str, name: str?, pubkey: hex?, observers: "
         "[{" STOP_OBSERVER ", count: int}], observerCount: int}], bestPathList: [{hop: str, name: "
         "str?, pubkey: hex?, " STOP_OBSERVER "}], " ANALYTICS_TAIL "}"},
    {.method = "GET",
     .path = "/api/analytics/neighbor-graph",
     .is_engined = true,
     .asker = ask_neighbor_graph,
     .asks_nothing = true,
     .parameters = neighbor_graph_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ANALYTICS_COST,
     .summary = "Who hears whom, of known nodes, in the last 24 hours: weight is receptions in "
                "either direction, score weight / 100, at most 1; the 8,000 strongest edges",
     .answer =
         "{edges: [{source: hex, target: hex, weight: int, score: num, bidirectional: bool, "
         "avg_snr: num?, ambiguous: bool, last_seen: time}], nodes: [{pubkey: hex, name: str?, "
         "role: str?, neighbor_count: int}], stats: {total_nodes: int, total_edges: int, "
         "ambiguous_edges: int, avg_cluster_size: num, rejected_edges_geo_far: int}, " ANALYTICS_TAIL
         "}"},
    {.method = "GET",
     .path = "/api/analytics/distance",
     .is_engined = true,
     .asker = ask_distance,
     .asks_nothing = true,
     .parameters = place_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ANALYTICS_COST,
     .summary =
         "How far packets came in one step, in km, in the last 24 hours: links between nodes "
         "whose positions are known, each once; those beyond maxHopDist (300 km) are tooFar",
     .answer =
         "{summary: {totalHops: int, totalPaths: int, avgDist: num?, maxDist: num?, tooFar: int, "
         "tooFarKm: num}, catStats: {*: {count: int, avg: num, median: num, min: num, max: "
         "num}}, topHops: [{" DISTANCES ", type: str, bestSnr: num?, medianSnr: num?, obsCount: "
         "int, hash: hex?, timestamp: time}], topPaths: [{hash: hex?, timestamp: time, totalDist: "
         "num, hopCount: int, hops: [{" DISTANCES "}]}], distHistogram: any, distOverTime: [{hour: "
         "str, avg: num, count: int}], " ANALYTICS_TAIL "}"},
    {.method = "GET",
     .path = "/api/analytics/subpaths",
     .is_engined = true,
     .asker = ask_subpaths,
     .asks_nothing = true,
     .parameters = subpaths_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ANALYTICS_COST,
     .summary = "The stretches that many paths of the last 24 hours have in common; count: "
                "receptions, pct: of those along paths of at least minLen hops",
     .answer = "{subpaths: " SUBPATHS ", " ANALYTICS_TAIL "}"},
    {.method = "GET",
     .path = "/api/analytics/subpaths-bulk",
     .is_engined = true,
     .asker = ask_subpaths_bulk,
     .asks_nothing = true,
     .parameters = subpaths_bulk_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ANALYTICS_COST,
     .summary = "The same for several lengths at once, in the order asked for",
     .answer = "{results: [{subpaths: " SUBPATHS "}], " ANALYTICS_TAIL "}"},
    {.method = "GET",
     .path = "/api/analytics/subpath-detail",
     .is_engined = true,
     .asker = paths_ask_subpath_detail,
     .parameters = detail_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "5 ms: 32,768 paths and 65,536 of their observers in memory",
     .summary = "Who received along paths of the last 24 hours that hold these hops in a row, when "
                "and how; hourDistribution: by the hour of the day, UTC",
     .answer =
         "{hops: [str], nodes: [{hop: str, name: str, pubkey: hex?, lat: num?, lon: num?}], "
         "totalMatches: int, firstSeen: time?, lastSeen: time?, hourDistribution: [int], signal: "
         "{avgSnr: num?, avgRssi: num?, samples: int}, observers: [{name: str, id: str, count: "
         "int}], parentPaths: [{path: str, rawHops: [str], count: int}], " ANALYTICS_TAIL "}"},
    {.method = "GET",
     .path = "/api/analytics/relay-airtime-share",
     .is_engined = true,
     .asker = ask_airtime,
     .asks_nothing = true,
     .parameters = place_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ANALYTICS_COST,
     .summary = "Which types of packets take the relays' time on the air, in the last 24 hours: "
                "score is nanoseconds, a packet's airtime for each hop that it came over",
     .answer =
         "{window: str, cached: bool, preset: {freq_hz: num, bw_khz: num, sf: int, cr: int, "
         "preamble: int, is_assumed: bool}, total_count: int, total_score: int, rows: "
         "[{payload_type: str, type: int, count: int, count_pct: num, airtime_pct: num, score: "
         "int}], " ANALYTICS_TAIL "}"},
    {.method = "GET",
     .path = "/api/nodes/:key/reach",
     .is_engined = true,
     .argument = KEY,
     .asker = paths_ask_reach,
     .parameters = reach_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "4 ms: 65,536 links and edges in memory",
     .summary = "Whom a node heard and who heard it in the last 24 hours, in receptions; "
                "bottleneck: the lesser of both",
     .answer =
         "{node: {pubkey: hex, name: str?, role: str?, lat: num?, lon: num?, first_seen: time?}, "
         "window: {days: int, since: time}, reliable_tokens: [str], importance: {neighbor_degree: "
         "int, degree_rank: int, nodes_with_edges: int, relay_observations: int, "
         "bidirectional_links: int, direct_observers: int}, links: [{pubkey: hex, name: str?, "
         "role: str?, " POSITION ", we_hear: int, they_hear: int, bottleneck: int, bidir: bool}], "
         "direct_observers: [{pubkey: str, name: str?, count: int, avg_snr: num?, " POSITION
         "}], " ANALYTICS_TAIL "}"},
    {.method = "GET",
     .path = "/api/debug/affinity",
     .is_engined = true,
     .asker = ask_affinity,
     .asks_nothing = true,
     .parameters = affinity_parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = ANALYTICS_COST,
     .access = HTTP_WRITE,
     .summary = "The links of known nodes in the last 24 hours, also to hops that mean no node "
                "(unresolved) or several (ambiguous); the 4,000 strongest",
     .answer =
         "{edges: [{nodeA: hex, nodeAName: str?, nodeB: hex?, nodeBName: str?, prefix: str, weight: "
         "int, observationCount: int, score: num, lastSeen: time, observers: [str], avgSnr?: num, "
         "ambiguous: bool, unresolved: bool, resolved: bool}], resolutions: [any], stats: "
         "{totalEdges: int, totalNodes: int, resolvedCount: int, ambiguousCount: int, "
         "unresolvedCount: int, avgConfidence: num, coldStartCoverage: num, cacheAge: str, "
         "lastRebuild: time}, " ANALYTICS_TAIL "}"},
    {.method = "POST",
     .path = "/api/paths/inspect",
     .is_engined = true,
     .asker = paths_ask_inspect,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "5 ms: 64 hops of 64 candidates",
     .takes = "{prefixes: [str], limit?: int, ...}",
     .summary = "Which nodes the hops of a path may be, the likeliest first, by who is known to "
                "hear whom: score 0 to 1, speculative below 0.7",
     .answer =
         "{input: {prefixes: [str], hops: int}, candidates: [{path: [hex], names: [str], score: "
         "num, speculative: bool, evidence: {perHop: [{prefix: str, candidatesConsidered: int, "
         "chosen: hex, edgeWeight: num, alternatives: [{publicKey: hex, name: str, score: num}]}]}}"
         "], stats: {beamWidth: int, expansionsRun: int, elapsedMs: num}, " ANALYTICS_TAIL "}"},
};
const struct route_family paths_routes = {rows, ARRAY_LEN(rows)};
