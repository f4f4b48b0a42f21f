/* SPDX-License-Identifier: MIT
 *
 * prune_packets - packets leave, by age and by the size of the file: whether a slice is due, and
 * the slice. Maintenance asks, and owns the transaction around it; how far a walk has come stands
 * in `jobs`, what is remembered of it here is only worth less work.
 * Threads and errors as maintenance.h. */
#pragma once

#include "cmd/ingestor/store/store.h"
#include "cmd/ingestor/store/store_retention.h"
#include "common/base/clock.h"
#include "common/config/config.h"

/* In `jobs`. By size: position, value as by age; done: walks that ended, of either. */
#define PRUNE_PACKETS_JOB "prune_packets"
#define PRUNE_BY_SIZE_JOB "prune_packets_size"

struct prune_packets {
    /* constant after init; 0 = for ever, no limit */
    int64_t days, max_mb;

    bool logged_too_large;
    mono_us size_rests_until; /* nothing is left that could make the file smaller */
    /* Of the walk in hand. From the database: dropped by prune_packets_forget. */
    int64_t stays, oldest_ms;
    bool is_measuring; /* oldest_ms covers the walk by size from its begin */
};

/* What a job needs to decide; read anew each time. */
struct prune_situation {
    struct store_extent extent;
    struct store_job job;
    int64_t now_ms;
};

struct prune_packets prune_packets_of(const struct config_retention *retention);
void prune_packets_forget(struct prune_packets *p);

/* How many transmissions may still leave in this hour, when `there` are left and `gone` have
 * left in it. */
int64_t prune_pace(int64_t there, int64_t gone);
/* Free pages that a file of so many keeps: they save the next rows from making it larger. */
int64_t prune_pages_kept(int64_t pages);

bool prune_by_age_is_due(const struct prune_packets *p, const struct prune_situation *s);
NODISCARD enum status prune_by_age(struct prune_packets *p, struct store *store,
                                   struct prune_situation *s, struct store_slice *slice,
                                   bool *out_more);
bool prune_by_size_is_due(const struct prune_packets *p, const struct prune_situation *s);
NODISCARD enum status prune_by_size(struct prune_packets *p, struct store *store,
                                    struct prune_situation *s, struct store_slice *slice,
                                    bool *out_more);
