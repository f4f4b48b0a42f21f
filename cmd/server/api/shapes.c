/* SPDX-License-Identifier: MIT */
#include "cmd/server/api/shapes.h"

/* Members out of metrics.def: a value that is unknown is left out. */
#define MAY_BE(json) json "?: int, "

static const char write_counts[] = "{"
#define METRIC(id, json, prometheus, kind, unit, help)
#define WRITE_SOURCE(id, json, prometheus, kind, unit, help) MAY_BE(json)
#include "common/stats/metrics.def"
                                   "*: int}";

static const char broker[] =
    "{name: str, broker: str, connected: bool, state: str, lastError?: str, "
#define LINK(id, json, prometheus, kind, unit, help)   MAY_BE(json)
#define BROKER(id, json, prometheus, kind, unit, help) MAY_BE(json)
#include "common/stats/metrics.def"
    "subscriptions: [{topic: str, suback: int?}]}";

static const char worker[] = "{name: str, kind: str, source: str?, pid?: int?, state: str, "
                             "lastExit: str?, lockHolder: str?, "
#define WORKER(id, json, prometheus, kind, unit, help) MAY_BE(json)
#include "common/stats/metrics.def"
                             "cpuSeconds?: num}";

static const char commit[] = "{count?: int, "
#define COMMIT(id, json, prometheus, kind, unit, help) MAY_BE(json)
#include "common/stats/metrics.def"
                             "msP50?: num, msP99?: num, error: str?, ringsError: str?}";

static const char checkpoints[] = "{count?: int, "
#define CHECKPOINT(id, json, prometheus, kind, unit, help) MAY_BE(json)
#include "common/stats/metrics.def"
                                  "}";

static const char queue[] = "{"
#define SOURCE_QUEUE(id, json, prometheus, kind, unit, help) MAY_BE(json)
#include "common/stats/metrics.def"
                            "}";

static const char clocks[] = "{"
#define SOURCE_CLOCK(id, json, prometheus, kind, unit, help) MAY_BE(json)
#include "common/stats/metrics.def"
                             "}";

#define PERCENTILES(name)                                                                          \
    name "_p50?: num, " name "_p95?: num, " name "_p99?: num, " name "_max?: num, "
static const char writer[] = "{"
#define WRITER(id, json, prometheus, kind, unit, help) MAY_BE(json)
#include "common/stats/metrics.def"
    PERCENTILES("wait_ms") PERCENTILES("hold_ms") PERCENTILES("batch_hold_ms") "}";

static const char io_rates[] = "{"
#define PROCIO(id, rate, json, prometheus, unit, help) rate "?: num, "
#include "common/stats/metrics.def"
                               "sampledAt?: time}";

/* A reason that nobody met yet stands there with 0; which there are stands in ledger.h. */
static const char ledger[] =
    "{received?: int, committed?: int, duplicate?: int, dead?: int, filtered: {*: int}, "
    "rejected: {*: int}, dropped: {*: int}, queued?: int, unaccounted?: int}";

#define NODE_MEMBERS                                                                                \
    "public_key: hex, name: str?, role: str?, lat: num?, lon: num?, last_seen: time?, "             \
    "last_advert: time?, last_heard: time?, first_seen: time?, advert_count?: int, foreign: bool, " \
    "battery_mv: int?, temperature_c: num?, default_scope: str?, configured_scope?: [str], "        \
    "hash_size: int?, hash_size_inconsistent: bool, hash_sizes_seen?: [int], "                      \
    "multi_byte_status?: 'confirmed'|'suspected', multi_byte_evidence?: 'advert'|'path', "          \
    "multi_byte_max_hash_size?: int, last_relayed?: time, relay_active?: bool, "                    \
    "relay_count_1h?: int?, relay_count_24h?: int?, unscoped_relay_count_24h?: int?, "              \
    "transported_scopes?: [str], traffic_share_score?: num?, bridge_score?: num?, "                 \
    "coverage_score?: num?, redundancy_score?: num?, usefulness_score?: num?"

#define RECEIVED                                                                                   \
    "observer_id: str?, observer_name: str?, observer_iata: str?, snr: num?, rssi: num?, "         \
    "scope_name: str?, path_json: str, _parsedPath: [hex], resolved_path?: [hex?], "
#define SENT                                                                                       \
    "raw_hex: hex, hash: hex, first_seen: time, route_type: int, payload_type: int, "              \
    "decoded_json: str?, observation_count: int, "
static const char observation[] =
    "{id: int, transmission_id: int, hash: hex, timestamp: time, " RECEIVED
    "direction: 'rx'|'tx', raw_hex?: hex}";
static const char packet[] = "{id: int, timestamp: time, " SENT RECEIVED
                             "direction: 'rx'|'tx', observations?: [observation]}";
/* A packet, or with groupByHash what all its receptions say. */
static const char listed_packet[] =
    "{id?: int, timestamp?: time, " SENT RECEIVED "direction?: 'rx'|'tx', count?: int, "
    "observer_count?: int, latest?: time, distinct_iatas?: [str], observations?: [observation]}";

const struct shape_name api_shapes[] = {
    {"broker", broker},
    {"checkpoints", checkpoints},
    {"clocks", clocks},
    {"commit", commit},
    {"error", "{error: str, field?: str}"},
    {"event", "{id: int, atUnix: unix, lastUnix?: unix, times?: int, level: 'pass'|'warn'|'fail', "
              "kind: str, subject: str, text: str}"},
    {"figure",
     "{value?: num, verdict: 'unknown'|'learning'|'usual'|'high'|'low', sinceUnix?: unix, "
     "usual?: num, low?: num, high?: num, text?: str}"},
    {"health",
     "{ready: bool, reason?: str, status: 'pass'|'warn'|'fail', loadedTx?: int, loadedObs?: "
     "int, from_pubkey_backfill: {total: int, processed: int, done: bool}, "
     "ingest_liveness?: {*: clocks}, ingestors?: [ingestor], checks: {*: health_check}}"},
    {"health_check", "{status: 'pass'|'warn'|'fail', output: str, sinceUnix: unix}"},
    {"ingestor",
     "{name: str, state: 'fresh'|'stale'|'missing', ageSeconds?: int, "
     "status?: 'pass'|'warn'|'fail', unaccounted?: int, queued?: int, outboxRows?: int}"},
    {"io", "{readBytesPerSec?: num, writeBytesPerSec?: num, cancelledWriteBytesPerSec?: num, "
           "syscallsRead?: num, syscallsWrite?: num, ingestor?: io_rates}"},
    {"io_rates", io_rates},
    {"ledger", ledger},
    {"listed_packet", listed_packet},
    {"mqtt_status", "{sources: [broker], sampleAt: str, stale: bool, stoppedAt?: time, "
                    "watchdogLastTickUnix?: unix, watchdogPanicCount?: int}"},
    {"node", "{" NODE_MEMBERS "}"},
    {"node_detail", "{" NODE_MEMBERS ", relay_window_hours?: int, flood_advert_count_7d?: int}"},
    {"observation", observation},
    {"packet", packet},
    {"packet_store",
     "{totalLoaded?: int, totalObservations?: int, evicted: int, inserts: int, queries: int, "
     "inMemory: int, sqliteOnly: bool, maxPackets: int, estimatedMB: num, trackedMB: num, "
     "avgBytesPerPacket: int, maxMB: int, indexes: {byHash: int, byObserver: int, byNode: int, "
     "advertByObserver: int}, hotStartupHours: num, backgroundLoadComplete: bool, "
     "backgroundLoadFailed: bool, backgroundLoadProgress: int, retentionHours: num, "
     "oldestLoaded: str, loadCoverageRatio: num}"},
    {"queue", queue},
    {"shard",
     "{shard: int, server: str, blocks?: int, rows?: int, bytes?: int, oldestSeconds?: int, "
     "awaySeconds?: int, acknowledgedBlocks?: int, acknowledgedRows?: int, retries?: int, "
     "sumsBehindDays?: int, sumsUnix?: unix, error: str?, sumsError: str?}"},
    {"slow_request", "{path: str, ms: num, time: time, status: int}"},
    {"sqlite", "{walSizeMB?: num, walSize?: int, pageCount?: int, pageSize?: int, cacheSize?: int, "
               "cacheHitRate?: num, dbSizeBytes?: int, freelistCount?: int}"},
    {"unhealthy", "{worker: str, source: str, cause: str, count?: int}"},
    {"window", "{from: time, to: time, observations: int, complete: bool}"},
    {"worker", worker},
    {"write_counts", write_counts},
    {"writer", writer},
    {"writes",
     "{sources: write_counts, sampleAt: str, writer_perf?: {*: writer}, stale?: bool, "
     "status?: str, startedAt?: str, stoppedAt?: time, watchdogLastTickUnix?: unix, lastLossUnix?: unix, "
     "ledger?: {sinceUnix?: unix, total?: ledger, sources: {*: ledger}}, source_liveness?: "
     "{*: clocks}, queue?: {*: queue}, workers?: [worker], workerUnhealthy?: [unhealthy], "
     "outbox?: [shard], outboxLimitBytes?: int, exportRows?: int, exportTotalRows?: int, "
     "exportUnix?: int, "
     "commit?: commit, cpuSeconds?: num, rssBytes?: int, diskFreeBytes?: int, diskBytes?: "
     "int, databaseLimitBytes?: int, packetDays?: int, checkpoints?: checkpoints, *: int}"},
    {0},
};
