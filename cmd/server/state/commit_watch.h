/* SPDX-License-Identifier: MIT
 *
 * commit_watch - the thread that notices commits, for whoever shows what is new.
 *
 * It looks at `meta.commits` every COMMIT_WATCH_PERIOD_US, which costs 20 us. So an answer that was
 * made since the last change is known to be still true without asking the database, and a live
 * feed sleeps until there is something.
 * I1. The generation grows whenever what the database holds may have changed: a commit, another
 *     file under its name, a file that can't be read any more.
 * I2. What is published was read after the generation beside it began.
 * Threads: the watch's own and any. Lock: one, a leaf. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define COMMIT_WATCH_PERIOD_US ((mono_us)50 * US_PER_MS)

struct commit_watch;

struct commit_seen {
    uint64_t generation; /* 0 = nothing was looked at yet */
    bool is_readable;
    int64_t observation; /* the largest id; 0 = none */
};

/* NULL = no memory or no thread. path is copied. */
NODISCARD struct commit_watch *commit_watch_start(const char *path);
/* Wakes all who wait. Accepts NULL. */
void commit_watch_stop(struct commit_watch *watch);
void commit_watch_free(struct commit_watch *watch); /* accepts NULL */
uint64_t commit_watch_generation(const struct commit_watch *watch);
/* Waits until the generation is not `known`, or `until` (clock_mono), or the watch stops (both
 * false). */
bool commit_watch_wait(struct commit_watch *watch, uint64_t known, mono_us until,
                       struct commit_seen *out);
