/* SPDX-License-Identifier: MIT
 *
 * shard_steps - back in time as far as it takes: from the newest hour, each step eight times as far
 * as the one before, up to the oldest. So what is asked for costs what lies near.
 *
 *     struct shard_steps steps = {.newest = now, .oldest = 0, .hours = 24};
 *     while (count < wanted && shard_steps_next(&steps))
 *         count = ... of those from the hour steps.low on ...
 *
 * Pure. */
#pragma once

#include "common/base/base.h"

#define SHARD_STEPS_GROW 8

struct shard_steps {
    int64_t newest, oldest; /* hours */
    int64_t hours;          /* the next step's length; the first one's at the beginning */
    int64_t low;            /* where this step begins */
    bool is_last;
};

/* False = the last one went back to the oldest. */
static inline bool shard_steps_next(struct shard_steps *steps)
{
    if (steps->is_last)
        return false;
    steps->low = steps->newest - steps->hours;
    steps->is_last = steps->low <= steps->oldest;
    if (steps->is_last)
        steps->low = steps->oldest;
    steps->hours *= SHARD_STEPS_GROW;
    return true;
}
