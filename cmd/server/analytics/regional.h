/* SPDX-License-Identifier: MIT
 *
 * regional - summaries of the last 24 hours over some observers alone, for analyses that a region
 * or an area filters: the same counting over fewer rows, so that every figure keeps its definition.
 *
 * Why not per observer: distinct packets, paths and edges of a region are no sums over its
 * observers. A run costs what that of the whole does, and is shared by all analyses of the same
 * places for REGIONAL_GOOD_US, or REGIONAL_SHARE times what it took of a core.
 * I1. At most REGIONAL_KEPT, each bounded like the summary of all: 1 to 50 MB.
 * Threads: that of the analytics job. Errors: NULL as summary_count. Ownership: take gives a
 * reference. */
#pragma once

#include "cmd/server/analytics/places.h"
#include "cmd/server/summary/summary_run.h"

#define REGIONAL_KEPT    4
#define REGIONAL_GOOD_US (60 * (mono_us)US_PER_S)
#define REGIONAL_SHARE   50

struct regional_entry {
    char *key;                     /* owned; NULL = free */
    const struct summary *summary; /* one reference */
    mono_us used_at, good_until;
};

struct regional {
    struct regional_entry all[REGIONAL_KEPT];
};

void regional_done(struct regional *regional); /* accepts a zeroed one */
/* places: what `run` lets through, key: how the query says it. */
NODISCARD const struct summary *regional_take(struct regional *regional, const char *key,
                                              const struct summary_run *run);
