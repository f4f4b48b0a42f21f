/* SPDX-License-Identifier: MIT
 *
 * health - is the system well? The rules of /api/healthz and /api/readyz, as a pure function
 * of what is already in memory: the ingestor's last sample (judged by common/health), the database
 * poller's last state, two clocks.
 *
 * Contract: 200 or 503, nothing else. `fail` (starting, or the database not readable for 5 s, or
 * newer than this program) is 503. Everything about the ingestor is at most `warn`, because the
 * read side still serves and all replicas share that ingestor: taking them out of a load balancer
 * would make one fault two. Of a store in shards each ingestor is judged by its row there, and one
 * beside this server by its statistics file, too, where there is one. Stale means unknown, and
 * unknown is never `pass`.
 * Ownership: plain values. Threads: pure. */
#pragma once

#include "cmd/server/state/db_poller.h"
#include "cmd/server/state/ingestors.h"
#include "common/health/health_report.h"

#define HEALTH_DB_PATIENCE_US (5 * US_PER_S)
#define HEALTH_SHARD_WARN_US  (1500 * US_PER_MS) /* behind a probe that failed: within five s */
/* Sample and poll are of moments that lie so far apart. */
#define HEALTH_LOOKS_APART_US (3 * US_PER_S)
/* A part of the store is away: warned of after the patience above, a fault after this. */
#define HEALTH_SHARD_PATIENCE_US (60 * US_PER_S)
#define HEALTH_DISK_TIME_S       (3 * INT64_C(86400)) /* a disk that is full sooner is said */

struct health_input {
    enum status stats_status;           /* OK or why there is no snapshot */
    const struct stats_snapshot *stats; /* read only when stats_status is OK */
    const struct db_state *db;
    wall_us wall;
    mono_us mono;
    const char *damage;     /* what a check of the database found; "" or NULL = nothing */
    int64_t disk_full_in_s; /* as the database has grown; 0 = not known, or not in sight */
    /* Of a store in shards; expected is NULL where there is none such. */
    const struct config_list *expected;
    const struct ingestors *ingestors; /* NULL = not read yet */
};

/* `before` may be NULL or zeroed (the first judgement); it must not be *out. */
void health_judge(const struct health_input *input, const struct health_report *before,
                  struct health_report *out);

/* NULL = ready; else the reason, static text. */
const char *health_not_ready(const struct db_state *db, mono_us now, bool is_draining);
