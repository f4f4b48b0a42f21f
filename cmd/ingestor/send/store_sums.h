/* SPDX-License-Identifier: MIT
 *
 * store_sums - hourly sums of a shard (the table rollups), made by the server itself out of its
 * observations, a day at a time.
 *
 * A day's sums are made anew as a whole, never added to: so any number of ingestors may make them,
 * at once, again, or die in between, and nothing counts twice. Which days are behind is read from
 * the store alone: what a run has seen of the day (the number of the newest block of its partition,
 * of the partition before it, and of the packets' week) stands in `rollups` beside its sums,
 * under the kind SUMS_RUN, and is compared with what is there now.
 *
 * I1. A reception counts in the hour of its earliest receipt, a packet in that of its earliest
 *     reception, whoever received copies later; those lie in the same day or the one behind it.
 * I2. All rows of a run have its `ver`: the server's clock before it looked, in milliseconds, <<
 *     22, and in the lower bits how much of the day it has seen. A row counts when its ver is not
 *     below that of the newest finished run of its day: so what a later run did not find any more
 *     (an older copy arrived, and the reception moved to another hour) is gone, without being
 *     deleted, and a run that was cut short leaves what was there.
 * I3. A run marks its day behind all of its rows. Killed before, it is made again.
 * I4. The current day is made anew once an hour, whoever does it; an older one when observations
 *     came to it, and at most daily when packets alone came to its week (an export sends them
 *     later). A day whose rollups are past retention is left alone.
 *
 * I5. A day whose newest run had other kinds (SUMS_VERSION) is made again, while its observations
 *     are there.
 *
 * Kinds, keys and their statement: common/sums/sums_sql.h.
 * I6. A server that does not answer meanwhile (cluster_watch) is no error of sums: they are looked
 *     at again soon after.
 *
 * Threads: one. Errors: in the state; a day that failed is tried again at the next look, the others
 * go on. Bounds: those of cluster_work_at, on the server. */
#pragma once

#include "cmd/ingestor/cluster/cluster.h"
#include "common/base/clock.h"

#define STORE_SUMS_LOOK_US (600 * (mono_us)US_PER_S)

struct store_sums {
    mono_us next_at;     /* when to call store_sums_step; 0 = at once */
    int64_t below;       /* of this look, days from here on are done; 0 = a new look */
    int64_t behind;      /* days, as of the last look */
    int64_t looked_unix; /* when it was; 0 = not yet */
    bool has_failed;     /* in this look */
    char error[256];     /* why a day could not be made; "" = none failed */
};

/* A look at what is behind, and the newest day of it that this look has not had. */
void store_sums_step(struct cluster *cluster, size_t shard, size_t replica,
                     const struct config *config, struct store_sums *sums);
