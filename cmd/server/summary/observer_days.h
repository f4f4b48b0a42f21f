/* SPDX-License-Identifier: MIT
 *
 * observer_days - of every observer in another store (summary_source.h), this hour and the 23
 * before (UTC): what an answer about each of them tells beside its row. In our database that is a
 * look-up or two an observer, and is not counted here.
 *
 * I1. heard and invented are known of all, or of none (engine.h, I3: a shard is away, or more is
 *     lacking than may be counted); so are the skews. Who is not here had none.
 * Threads: reading, any. Errors: NULL = no memory. Memory: 50 bytes for each, OBSERVER_DAYS_MAX at
 * most, behind which nothing is known. */
#pragma once

#include "cmd/server/summary/summary_source.h"
#include "cmd/server/tally/table.h"
#include "common/base/clock.h"
#include "common/base/shared.h"

#define OBSERVER_DAYS_MAX   100000
#define OBSERVER_DAY_HOURS  24
#define OBSERVER_DAY_UNSAID (-1) /* not known */

struct observer_day {
    int64_t heard, invented; /* receptions; those with the pair of schema_is_invented_rf */
    int64_t skews;           /* messages whose clock was off (the table observer_skew) */
};

/* Unchanged from when it is made. */
struct observer_days {
    struct shared shared;
    struct table observers; /* an id, then its struct observer_day */
    bool has_heard, has_skews;
};

/* The first of the hours (rollups.hour). */
static inline int64_t observer_day_begins(wall_us now)
{
    return now / US_PER_MS / MS_PER_HOUR - (OBSERVER_DAY_HOURS - 1);
}
NODISCARD struct observer_days *observer_days_from(const struct summary_from *from);
/* For the source: what of the observer is added to; NULL = no room. */
NODISCARD struct observer_day *observer_days_take(struct observer_days *days, int64_t observer_id);
/* days may be NULL: nothing is known. */
struct observer_day observer_days_of(const struct observer_days *days, int64_t observer_id);
void observer_days_unref(const struct observer_days *days); /* accepts NULL */
