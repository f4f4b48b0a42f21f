/* SPDX-License-Identifier: MIT
 *
 * recent - how many rows were received in the last hour, or day, by a few look-ups whatever the
 * size of the table. Pure.
 *
 * Ids rise in the order of storing, and receipt times rise with them but for the waiting in the
 * rings and for the wall clock, which may be set while rows come. So the way leads from the newest
 * row back, in leaps that grow by an eighth, to where the time is over.
 * I1. A clock that was set back does not count an hour twice: where a row is later than one behind
 *     it, the clock was set; what is left of the time goes on from there, by the clock of before.
 *     A step of less than an eighth of the time since may be overlooked, and then weighs as much.
 * I2. A moment in the future (a row, or many, more than the whole time ahead of its predecessor)
 *     hides nothing: in front of it the present clock holds again.
 * Cost: about 8 ln n + 20 look-ups; RECENT_STEPS_MAX times that where the clock was set often. */
#pragma once

#include "common/base/base.h"

#define RECENT_UNKNOWN   INT64_MIN
#define RECENT_STEPS_MAX 8
/* So far may a row be ahead of our clock, or of the row behind it, and no step be suspected. */
#define RECENT_AHEAD_MS INT64_C(60000)

struct recent_row {
    int64_t id, ms;
};

struct recent_rows {
    int64_t low, high; /* ids of the first and the last */
    /* The first row at or behind `id`, which is at most `high`. False: can't be read now. */
    bool (*row_at)(void *context, int64_t id, struct recent_row *out);
    void *context;
};

/* Rows of the last `window_ms` before `now_ms`; RECENT_UNKNOWN = a row could not be read. Ids are
 * counted by subtraction. */
int64_t recent_count(const struct recent_rows *rows, int64_t window_ms, int64_t now_ms);
