/* SPDX-License-Identifier: MIT
 *
 * stats_snapshot - how the ingestor is, at one moment: the whole of the stats file as a struct.
 *
 * The supervisor fills one a second and writes it (stats_file_render), the server reads it
 * (stats_file_parse); the pieces both show alike are in stats_json, the metrics in
 * stats_prometheus.
 * I1: what is not known is STATS_UNKNOWN (NaN, STATS_UNKNOWN_COUNT, ""), never 0; but a TIME may
 * also be 0, never.
 * Threads: none of its own. Ownership: snapshots are plain values, too large for a stack:
 * allocate once. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/base/procio.h"
#include "common/config/config.h"
#include "common/ring/ledger.h"
#include "common/stats/metrics.h"
#include "common/stats/stats_events.h"
#include "common/stats/stats_parts.h"

#define STATS_SCHEMA        1
#define STATS_STATUS_BYTES  320
#define STATS_SOURCES_MAX   (2 * CONFIG_SOURCES_MAX + 1) /* configured, removed, http */
#define STATS_WORKERS_MAX   (CONFIG_SOURCES_MAX + 2)
#define STATS_BACKFILLS_MAX 16
/* A ledger count that an older file does not hold. */
#define STATS_UNKNOWN_COUNT ((uint64_t)STATS_UNKNOWN)
/* An older sample is stale: unknown, never "ok". */
#define STATS_FRESH_SECONDS 4

/* One entry of the ledger; also of queue and liveness. */
struct stats_source {
    char name[STATS_SOURCE_BYTES];
    bool has_ledger; /* else its flusher's half is not known, and the ledger is all zero */
    struct ledger ledger;
    /* STATS_UNKNOWN where there is no receiver */
#define SOURCE_QUEUE(id, json, prometheus, kind, unit, help) int64_t id;
#include "common/stats/metrics.def"
#define SOURCE_CLOCK(id, json, prometheus, kind, unit, help) int64_t id;
#include "common/stats/metrics.def"
    /* has a receiver: stands in source_liveness and queue */
    bool is_live;
};

/* The very objects of /api/mqtt/status. */
struct stats_mqtt {
    char name[STATS_SOURCE_BYTES];
    char broker[256]; /* masked */
    char state[24];
    struct stats_link link;
#define BROKER(id, json, prometheus, kind, unit, help) int64_t id;
#include "common/stats/metrics.def"
};

struct stats_worker {
    /* "flusher", "receiver:<source>", "http", "sender:<shard>" */
    char name[STATS_WORKER_BYTES];
    /* "receiver", "http", "replay", "flusher", "sender" */
    char kind[16];
    /* "" = null */
    char source[STATS_SOURCE_BYTES];
    /* worker_state.h */
    char state[24];
    /* "signal 9", "exit 74", "hang"; "" = null */
    char last_exit[24];
    /* who has the lock that it waits for, "pid 12 (weir-import)"; "" = null */
    char lock_holder[48];
    /* 0 = null */
    int64_t pid;
    double cpu_s; /* NaN = unknown */
#define WORKER(id, json, prometheus, kind, unit, help) int64_t id;
#include "common/stats/metrics.def"
};

/* `backfillUpdates.<name>` */
struct stats_backfill {
    char name[32];
    int64_t count;
};

/* The five rates of /api/perf/io. In the file they stand beside the counters they were made from,
 * so that readers of CoreScope's format and of ours both find what they know. */
struct procio_rates {
#define PROCIO(id, rate, json, prometheus, unit, help) double id;
#include "common/stats/metrics.def"
};

struct stats_usage {
#define USAGE(id, json, prometheus, kind, unit, help) double id; /* NaN = unknown */
#include "common/stats/metrics.def"
};

struct stats_snapshot {
    int64_t schema, seq, pid;
    char boot_id[CLOCK_BOOT_ID_BYTES], version[64];
    /* RFC 3339 in the file; STATS_UNKNOWN = absent or unparseable */
    wall_us sampled_at, started_at;
    /* the same moment as sampled_at; STATS_UNKNOWN = absent, or of another boot than ours */
    mono_us sampled_mono;
    /* The program has ended, in order, and this sample is its last; 0 = it runs, or ended without
     * a word. */
    wall_us stopped_at;
    /* one sentence: the supervisor's verdict; also systemd STATUS= */
    char status[STATS_STATUS_BYTES];
    bool zero_sources;
    int64_t metrics[METRIC_COUNT];
    /* the counters; the rates (the writer's own, from its second sample) */
    bool has_procio, has_procio_rates;
    struct procio procio;
    struct procio_rates procio_rates;
    wall_us procio_sampled_at;
    struct stats_usage usage;
    struct stats_storage storage;
    bool has_ledger; /* of at least one source; else the total is unknown, not zero */
    struct ledger ledger_total;
    int64_t ledger_since_unix;
    struct stats_source sources[STATS_SOURCES_MAX];
    size_t source_count;
    struct stats_mqtt mqtt[CONFIG_SOURCES_MAX];
    size_t mqtt_count;
    struct stats_worker workers[STATS_WORKERS_MAX];
    size_t worker_count;
    struct stats_outbox outbox[CONFIG_SHARDS_MAX]; /* none without storeUrl */
    size_t outbox_count;
    struct stats_unhealthy unhealthy[STATS_UNHEALTHY_MAX];
    size_t unhealthy_count;
    struct stats_commit commit;
    int64_t commit_count;
    struct stats_writer writers[STATS_WRITERS_MAX];
    size_t writer_count;
    struct stats_backfill backfills[STATS_BACKFILLS_MAX];
    size_t backfill_count;
    struct stats_event events[STATS_EVENTS_MAX]; /* the oldest first */
    size_t event_count;
};

/* What the ingestor's wall clock would show now: for the ages of the times that stand in the
 * sample. On the same boot it goes on from the sample by the monotonic clock, so that no step of
 * the wall clock makes a sample old, or of the future; else it is `wall`. (A time namespace with an
 * offset of its own would be taken for age; no container runtime makes one unasked.) */
wall_us stats_now(const struct stats_snapshot *snapshot, wall_us wall, mono_us mono);
/* Fresh, or the last word of a program that has ended in order. */
bool stats_is_true(const struct stats_snapshot *snapshot, wall_us now);
bool stats_source_is_broker(const struct stats_source *source);
/* The first topic that the broker refused; NULL = none. */
const struct stats_subscription *stats_refused_topic(const struct stats_link *link);
/* The messages that were lost (outcome_is_loss); STATS_UNKNOWN_COUNT where the file (CoreScope's,
 * say) does not tell. */
uint64_t stats_lost(const struct ledger *ledger);
/* The value as it may be shown (metrics.def). is_true: what the sample says of now is still so. */
int64_t stats_known(enum metric_kind kind, bool is_true, int64_t value);
/* Seconds since the sample at wall time `now` (stats_now), from sampledAt, else procIO's;
 * -1 = stale: none, unparseable, or more than 5 s in the future. */
double stats_age_seconds(const struct stats_snapshot *snapshot, wall_us now);
/* The same rule for one stamp (STATS_UNKNOWN allowed). */
double stats_stamp_age(wall_us stamp, wall_us now);
/* Of such an age: neither stale nor older than STATS_FRESH_SECONDS. */
bool stats_age_is_fresh(double age);
/* Rates between two samples, never negative (a counter that fell counts as 0).
 * False = no time between. */
NODISCARD bool stats_procio_rates(const struct procio *from, const struct procio *to,
                                  double seconds, struct procio_rates *out);
