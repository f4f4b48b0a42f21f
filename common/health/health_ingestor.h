/* SPDX-License-Identifier: MIT
 *
 * health_ingestor - is the ingestor well? The rules, over one sample of its statistics and two
 * clocks: what /api/healthz says of it, and what `ingestor --health` and --top say.
 *
 * FAIL is what harms messages now: the ingestor is not there or says nothing, messages were lost in
 * the last minute or can't be accounted for, the writer does not store what waits. WARN is what an
 * operator should look at. How grave that is for a server, which still serves what is stored, is
 * the server's to say (health_cap). Stale means unknown, and unknown is never PASS; a figure that
 * the file does not hold is not judged.
 * Pure. Threads: any. */
#pragma once

#include "common/health/health_report.h"

#define HEALTH_SESSION_MEMORY_S     900 /* so long a session that the broker has lost is said */
#define HEALTH_LOSS_MEMORY_S        60  /* and a loss of messages */
#define HEALTH_REPLACED_MEMORY_S    900
#define HEALTH_COMMIT_PATIENCE_S    10 /* so long may messages wait, none of them stored */
#define HEALTH_RETENTION_PATIENCE_S 3600
#define HEALTH_CLOCK_MEMORY_S       600 /* so long retention by age does not trust it either */
/* A shard of ClickHouse that is away is said; after so long that is grave. And so long may a block
 * wait for one that answers. */
#define HEALTH_SHARD_FAIL_S  60
#define HEALTH_OUTBOX_SLOW_S 60
/* A disk is low below a tenth of it; of a large one, below what a busy mesh fills in weeks. */
#define HEALTH_DISK_PARTS     10
#define HEALTH_DISK_LOW_BYTES (INT64_C(10) << 30)
/* A log that long is a fault at once; one that would begin anew by itself (flusher_commit), when no
 * checkpoint has come to its end for so long. */
#define HEALTH_LOG_BYTES      (INT64_C(256) << 20)
#define HEALTH_LOG_LONG_BYTES (INT64_C(64) << 20)
#define HEALTH_LOG_PATIENCE_S 600

struct health_sample {
    enum status status;                 /* OK, or why there is no snapshot */
    const struct stats_snapshot *stats; /* read only when status is OK */
    wall_us wall;
    mono_us mono;
};

/* Adds the checks; true when the sample can be believed. */
bool health_judge_ingestor(const struct health_sample *in, struct health_report *out);
/* The ingestor's clock, for the ages of what it has stamped. */
wall_us health_ingestor_now(const struct health_sample *in);
