/* SPDX-License-Identifier: MIT
 *
 * maintenance - what is done beside the messages: retention by age and by size, vacuum, statistics,
 * and what is counted behind them (store_late.h).
 *
 * A job works in slices: one transaction each, of at most MAINTENANCE_SLICE_US. The flusher
 * asks for one slice at a time, and only while (nearly) nothing waits in the rings, so that
 * messages pass between any two; between two slices of a job lies a pause as long as the slice.
 * Progress is kept in the table `jobs` in the slice's transaction: a restart goes on where the
 * last slice ended.
 *
 * Retention by age (everything named *Days) trusts the clock only when it has agreed with the
 * monotonic one for ten minutes and is not behind what is stored (clock_trust.h: more than a day
 * ahead does not count), because a small board may start in the past or be set to a wrong future;
 * how long it waits for that is published. It lets at most 5 % of the transmissions go in an hour.
 * Retention by size orders by the stored receipts and needs no clock.
 *
 * Errors: NO_SPACE, IO and NO_MEMORY are the caller's (its one recovery path). Any other is this
 * job's alone: it is logged, and the job rests for an hour. Threads: the flusher's main one. */
#pragma once

#include "cmd/ingestor/upkeep/clock_trust.h"
#include "cmd/ingestor/upkeep/prune_packets.h"
#include "cmd/ingestor/store/store.h"
#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_retention.h"
#include "common/base/clock.h"
#include "common/config/config.h"

#define MAINTENANCE_SLICE_US (20 * (mono_us)US_PER_MS)

/* --- the jobs --------------------------------------------------------------------------------- */

/* X(id, name in writer_perf and in `jobs`) */
#define MAINTENANCE_JOBS(X)                                                                        \
    X(PRUNE_PACKETS, PRUNE_PACKETS_JOB)                                                            \
    X(PRUNE_NODES, "prune_nodes")                                                                  \
    X(PRUNE_OBSERVERS, "prune_observers")                                                          \
    X(PRUNE_METRICS, "prune_metrics")                                                              \
    X(PRUNE_ROLLUPS, "prune_rollups")                                                              \
    X(VACUUM, "vacuum")                                                                            \
    X(ANALYZE, "analyze")                                                                          \
    X(COUNT_LATE, STORE_LATE_JOB)
enum maintenance_job {
#define X(id, name) JOB_##id,
    MAINTENANCE_JOBS(X)
#undef X
        JOB_COUNT
};
const char *maintenance_job_name(enum maintenance_job job);

struct maintenance {
    /* constant after init */
    struct config_retention retention;
    int max_nodes; /* 0 = no limit */

    struct clock_trust trust;
    enum clock_verdict logged_verdict; /* the last one */
    mono_us waits_since;               /* work is due by the clock, which is not trusted; 0 = no */
    mono_us next_at[JOB_COUNT];        /* not looked at before */
    int64_t rows_max[JOB_COUNT];       /* follows how long slices take */
    struct prune_packets packets;
    int64_t late_until;      /* the newest observation at the last look; from the database */
    bool is_late_unfinished; /* the last slice, or the program before, may have left some */
};

/* A slice that was made. */
struct maintenance_slice {
    enum maintenance_job job; /* JOB_COUNT = none was due */
    int64_t rows;
    mono_us waited; /* since it was due */
    mono_us held;
};

void maintenance_init(struct maintenance *m, const struct config *config);
/* The connection is thrown away. */
void maintenance_forget(struct maintenance *m);
/* For so long retention by age has waited for the clock; 0 = it does not. */
int64_t maintenance_waits_s(const struct maintenance *m);
/* When a job wants to be looked at next, and which. */
mono_us maintenance_next(const struct maintenance *m);
enum maintenance_job maintenance_next_job(const struct maintenance *m);
/* Make at most one slice. Outside a transaction. */
NODISCARD enum status maintenance_turn(struct maintenance *m, struct store *store,
                                       struct maintenance_slice *out);
/* The disk is full: small slices of the retention by size and checkpoints, until the file is within
 * its limit or the time is over. Needs no idle rings: no message could be written. */
NODISCARD enum status maintenance_make_room(struct maintenance *m, struct store *store,
                                            mono_us until);
