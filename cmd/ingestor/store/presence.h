/* SPDX-License-Identifier: MIT
 *
 * presence - what a batch adds to rows that many packets touch: counts, first and last times.
 *
 * Why: an observer hears hundreds of the packets of one batch. Gathered here, its row is written once a
 * commit instead of once a packet; the same for a transmission heard by twenty observers.
 * I1. One entry an id; count adds up, first_ms is the smallest and last_ms the largest time: the result
 *     does not depend on the order of the records.
 * I2. Fixed memory: `capacity` entries. presence_add fails only when presence_is_full held before it; the
 *     owner then writes the entries out (inside the same transaction) and clears.
 * The table knows nothing of SQL. Threads: none of its own. Cost: 40 ns an add. */
#pragma once

#include "common/base/base.h"

struct presence_row {
    int64_t id; /* a rowid, > 0 */
    int64_t count;
    int64_t first_ms, last_ms;
};

struct presence {
    struct presence_row *rows; /* in order of first touch until sorted */
    size_t count, capacity;
    uint32_t *slots; /* open addressing: index + 1 into rows, 0 = empty */
    size_t slot_mask;
};

NODISCARD bool presence_init(struct presence *presence, size_t capacity);
void presence_done(struct presence *presence); /* accepts a zeroed struct */
void presence_clear(struct presence *presence);
bool presence_is_full(const struct presence *presence);
/* Merge one contribution. False: full, nothing changed. */
NODISCARD bool presence_add(struct presence *presence, const struct presence_row *row);
/* The rows ordered by id, so that they are written page by page; borrowed until the next add. The table
 * accepts no add between this call and presence_clear. */
const struct presence_row *presence_sorted(struct presence *presence, size_t *out_count);
