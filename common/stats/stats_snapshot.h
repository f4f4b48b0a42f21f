/* SPDX-License-Identifier: MIT
 *
 * stats_snapshot - how the ingestor is, at one moment: the whole of the stats file as a struct.
 *
 * The supervisor fills one a second and writes it (stats_file_render), the server reads it (stats_file_parse);
 * the pieces both show alike are in stats_json, the metrics in stats_prometheus.
 * I1: what is not known is STATS_UNKNOWN (NaN, STATS_UNKNOWN_COUNT, ""), never 0.
 * Threads: none of its own. Ownership: snapshots are plain values, too large for a stack: allocate once. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/base/procio.h"
#include "common/config/config.h"
#include "common/ring/ledger.h"

#define STATS_SCHEMA        1
#define STATS_UNKNOWN       INT64_MIN
#define STATS_SOURCES_MAX   (2 * CONFIG_SOURCES_MAX + 1) /* configured, removed, http */
#define STATS_WORKERS_MAX   (CONFIG_SOURCES_MAX + 2)
#define STATS_WRITERS_MAX   12
#define STATS_UNHEALTHY_MAX 128
#define STATS_BACKFILLS_MAX 16
/* A ledger count that an older file does not hold. */
#define STATS_UNKNOWN_COUNT ((uint64_t)STATS_UNKNOWN)
/* An older sample is stale: unknown, never "ok". */
#define STATS_FRESH_SECONDS 5

/* X(field, json_key, prometheus_name, help): CoreScope's counters since startedAt. */
#define STATS_COUNTER_LIST(X)                                                                      \
    X(tx_inserted, "tx_inserted", "weir_transmissions_inserted_total",                             \
      "New transmissions stored.")                                                                 \
    X(tx_dupes, "tx_dupes", "weir_transmissions_known_total",                                      \
      "Observations of a known transmission.")                                                     \
    X(obs_inserted, "obs_inserted", "weir_observations_inserted_total",                            \
      "New observations stored.")                                                                  \
    X(node_upserts, "node_upserts", "weir_node_upserts_total", "Node rows written from adverts.")  \
    X(observer_upserts, "observer_upserts", "weir_observer_upserts_total",                         \
      "Observer rows written.")                                                                    \
    X(write_errors, "write_errors", "weir_write_errors_total", "Rows refused and commits failed.") \
    X(sig_drops, "sig_drops", "weir_signature_rejects_total", "Adverts with a bad signature.")     \
    X(wal_commits, "walCommits", "weir_commits_total", "Transactions committed.")                  \
    X(group_commit_flushes, "groupCommitFlushes", "weir_group_commits_total",                      \
      "Transactions of more than one message.")                                                    \
    X(full_commits, "fullCommits", "weir_durable_commits_total", "Commits with fsync.")            \
    X(checkpoints, "checkpoints", "weir_checkpoints_total", "WAL checkpoints.")                    \
    X(watchdog_panics, "watchdogPanicCount", "weir_supervisor_hang_kills_total",                   \
      "Workers killed for hanging.")

/* One entry of the ledger; also of queue and liveness. */
struct stats_source {
    char name[CONFIG_SOURCE_NAME_MAX + 8];
    struct ledger ledger;
    /* the queue; STATS_UNKNOWN where there is no receiver */
    int64_t records, bytes, capacity, high_water;
    /* 0 = never */
    int64_t last_receipt_unix, last_message_unix;
    /* has a receiver: stands in source_liveness and queue */
    bool is_live;
};

struct stats_subscription {
    char topic[120];
    int64_t suback; /* STATS_UNKNOWN = unanswered */
};

/* The very objects of /api/mqtt/status. */
struct stats_mqtt {
    char name[CONFIG_SOURCE_NAME_MAX + 8];
    char broker[256]; /* masked */
    char state[24];
    char last_error[256];
    bool connected;
    int64_t last_connect_unix, last_disconnect_unix, last_packet_unix, next_retry_unix;
    int64_t connect_count, disconnect_count, packets_total, packets_last_5m;
    struct stats_subscription subscriptions[CONFIG_TOPICS_MAX];
    size_t subscription_count;
};

struct stats_worker {
    /* "flusher", "receiver:<source>", "http" */
    char name[CONFIG_SOURCE_NAME_MAX + 24];
    /* "receiver", "http", "flusher" */
    char kind[16];
    /* "" = null */
    char source[CONFIG_SOURCE_NAME_MAX + 8];
    /* starting, running, committing ..., backing_off, failed, stopped, unkillable */
    char state[24];
    /* "signal 9", "exit 74", "hang"; "" = null */
    char last_exit[24];
    /* 0 = null */
    int64_t pid;
    int64_t restarts, healthy_since_unix, backpressure_since_unix, heartbeat_age_ms;
};

/* weir_worker_unhealthy_total{worker,source,cause} */
struct stats_unhealthy {
    char worker[CONFIG_SOURCE_NAME_MAX + 24];
    char source[CONFIG_SOURCE_NAME_MAX + 8];
    char cause[24]; /* exit_N, signal_N, hang */
    int64_t count;
};

struct stats_writer {
    char component[32];
    int64_t count, contention_total, rows_total;
    /* p50, p95, p99, max */
    double wait_ms[4], hold_ms[4];
};

/* `backfillUpdates.<name>` */
struct stats_backfill {
    char name[32];
    int64_t count;
};

/* X(field, rate key, counter key): the five rates of /api/perf/io. In the file they stand beside the
 * counters they were made from (`<field>Total`), so that readers of CoreScope's format and of ours both
 * find what they know. */
#define STATS_RATE_LIST(X)                                                                         \
    X(read_bytes, "readBytesPerSec", "readBytesTotal")                                             \
    X(write_bytes, "writeBytesPerSec", "writeBytesTotal")                                          \
    X(cancelled_write_bytes, "cancelledWriteBytesPerSec", "cancelledWriteBytesTotal")              \
    X(syscalls_read, "syscallsRead", "syscallsReadTotal")                                          \
    X(syscalls_write, "syscallsWrite", "syscallsWriteTotal")

struct procio_rates {
#define X(field, rate_key, total_key) double field;
    STATS_RATE_LIST(X)
#undef X
};
struct stats_snapshot {
    int64_t schema, seq, pid;
    char boot_id[40], version[64];
    /* RFC 3339 in the file; STATS_UNKNOWN = absent or unparseable */
    wall_us sampled_at, started_at;
    /* one sentence: the supervisor's verdict; also systemd STATUS= */
    char status[160];
    bool zero_sources;
    int64_t watchdog_last_tick_unix;
#define X(field, key, prom, help) int64_t field;
    STATS_COUNTER_LIST(X)
#undef X
    /* the counters; the rates (the writer's own, from its second sample) */
    bool has_procio, has_procio_rates;
    struct procio procio;
    struct procio_rates procio_rates;
    wall_us procio_sampled_at;
    struct ledger ledger_total;
    int64_t ledger_since_unix;
    struct stats_source sources[STATS_SOURCES_MAX];
    size_t source_count;
    struct stats_mqtt mqtt[CONFIG_SOURCES_MAX];
    size_t mqtt_count;
    struct stats_worker workers[STATS_WORKERS_MAX];
    size_t worker_count;
    struct stats_unhealthy unhealthy[STATS_UNHEALTHY_MAX];
    size_t unhealthy_count;
    int64_t commit_count, commit_rows_p50, commit_rows_p99, commit_last_unix;
    /* NaN = unknown */
    double commit_ms_p50, commit_ms_p99;
    /* why the flusher waits; "" = it does not */
    char commit_error[256];
    int64_t commit_retry_unix;
    struct stats_writer writers[STATS_WRITERS_MAX];
    size_t writer_count;
    struct stats_backfill backfills[STATS_BACKFILLS_MAX];
    size_t backfill_count;
};

/* Seconds since the sample at wall time `now`, from sampledAt, else procIO's; -1 = stale: none, unparseable,
 * or more than 5 s in the future. */
double stats_age_seconds(const struct stats_snapshot *snapshot, wall_us now);
/* The same rule for one stamp (STATS_UNKNOWN allowed). */
double stats_stamp_age(wall_us stamp, wall_us now);
/* Rates between two samples, never negative (a counter that fell counts as 0). False = no time between. */
NODISCARD bool stats_procio_rates(const struct procio *from, const struct procio *to,
                                  double seconds, struct procio_rates *out);
