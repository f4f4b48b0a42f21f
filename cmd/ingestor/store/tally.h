/* SPDX-License-Identifier: MIT
 *
 * tally - what a batch adds to counters in rows that many packets touch: rollups and neighbour edges.
 *
 * As presence, with a key of two words and two signed counts: a correction takes away what it added before.
 * I1. One entry a key; counts add up, first_ms is the smallest and last_ms the largest time given: the result
 *     does not depend on the order.
 * I2. Fixed memory. tally_add fails only when the table is full; the owner makes room before a record (a
 *     record adds at most STORE_ROLLUPS_MAX or STORE_EDGES_MAX rows), by writing the rows out inside the same transaction.
 * Knows nothing of SQL. Threads: none of its own. */
#pragma once

#include "common/base/base.h"

struct tally_row {
    uint64_t key[2];
    int64_t observations, transmissions;
    int64_t first_ms, last_ms;
};

struct tally {
    struct tally_row *rows;
    size_t count, capacity;
    uint32_t *slots;
    size_t slot_mask;
};

NODISCARD bool tally_init(struct tally *tally, size_t capacity);
void tally_done(struct tally *tally); /* accepts a zeroed struct */
void tally_clear(struct tally *tally);
size_t tally_room(const struct tally *tally);
/* Merge one contribution. False: full, nothing changed. */
NODISCARD bool tally_add(struct tally *tally, const struct tally_row *row);
/* Ordered by key; borrowed until tally_clear, before which nothing may be added. */
const struct tally_row *tally_sorted(struct tally *tally, size_t *out_count);
