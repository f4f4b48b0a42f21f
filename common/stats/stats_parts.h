/* SPDX-License-Identifier: MIT
 *
 * stats_parts - what a worker says of itself and the stats file shows as it is: declared once,
 * published through the control block, copied whole into the snapshot, read back from the file into
 * the same struct.
 *
 * I1: each is a multiple of 8 bytes without pointers (common/base/seqlock.h). Times are Unix
 * seconds, 0 = never; what is shown of them goes through stats_known. */
#pragma once

#include "common/base/base.h"
#include "common/config/config.h"

#define STATS_UNKNOWN       INT64_MIN
#define STATS_WRITERS_MAX   12
#define STATS_UNHEALTHY_MAX 128
/* Of a source's name, with its NUL. */
#define STATS_SOURCE_BYTES (CONFIG_SOURCE_NAME_MAX + 8)
/* Of a worker's: a kind and a source. */
#define STATS_WORKER_BYTES (CONFIG_SOURCE_NAME_MAX + 24)

struct stats_subscription {
    char topic[120]; /* cut, for display */
    int64_t suback;  /* STATS_UNKNOWN = not answered; 0..2 granted QoS; >= 0x80 refused */
};

/* A receiver's connection to its broker. */
struct stats_link {
    int64_t connected;
#define LINK(id, json, prometheus, kind, unit, help) int64_t id;
#include "common/stats/metrics.def"
    char last_error[256]; /* passwords masked; "" = none */
    uint64_t subscription_count;
    struct stats_subscription subscriptions[CONFIG_TOPICS_MAX];
};

/* One component's waiting and holding times (`writer_perf`), over its last turns. */
struct stats_writer {
    char component[32];
#define WRITER(id, json, prometheus, kind, unit, help) int64_t id;
#include "common/stats/metrics.def"
    /* p50, p95, p99, max; NaN = unknown. The batches' own: of mqtt_handler's transactions. */
    double wait_ms[4], hold_ms[4], batch_hold_ms[4];
};

/* The last commits. */
struct stats_commit {
#define COMMIT(id, json, prometheus, kind, unit, help) int64_t id;
#include "common/stats/metrics.def"
    double ms_p50, ms_p99; /* NaN = unknown */
    char error[256];       /* why the flusher waits; "" = it does not */
    char rings_error[256]; /* which rings it can't read, and why; "" = it reads all */
};

/* Where the database lies, and how its log gets into it. */
struct stats_storage {
#define STORAGE(id, json, prometheus, kind, unit, help)    int64_t id;
#define CHECKPOINT(id, json, prometheus, kind, unit, help) int64_t id;
#include "common/stats/metrics.def"
};

/* A shard of ClickHouse, and what waits for it. */
struct stats_outbox {
    int64_t shard;
#define OUTBOX(id, json, prometheus, kind, unit, help) int64_t id;
#include "common/stats/metrics.def"
    char server[256];     /* asked last */
    char error[256];      /* its words, or why it can't be reached; "" = none */
    char sums_error[256]; /* why a day's sums could not be made there; "" = none failed */
};

/* weir_worker_unhealthy_total{worker,source,cause} */
struct stats_unhealthy {
    char worker[STATS_WORKER_BYTES];
    char source[STATS_SOURCE_BYTES];
    char cause[24]; /* exit_N, signal_N, hang */
    int64_t count;
};
