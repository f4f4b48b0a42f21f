/* SPDX-License-Identifier: MIT
 *
 * deltas - what a batch adds to rows that many packets change: counts, first and last times.
 *
 * Why: an observer hears hundreds of the packets of one batch, and twenty observers the same
 * transmission. Gathered here, a row is written once per commit instead of once per packet; rollups
 * and neighbour edges likewise.
 * I1. One entry per key; counts add up (a correction takes away what it added before), first_ms
 *     is the smallest and last_ms the largest time: the result does not depend on the order of
 *     the records.
 * I2. Fixed memory: `capacity` entries. deltas_add fails only for a new key in a full table. The
 *     owner makes room before a record, by writing the entries out inside the same transaction
 *     and clearing.
 * Knows nothing of SQL. Threads: none of its own. Ownership: the table owns its entries.
 * Cost: 40 ns per add. */
#pragma once

#include "common/base/base.h"

struct delta {
    int64_t id;   /* the key is both: a rowid, or whatever number the owner packs, > 0 */
    int64_t part; /* 0 where the id says it all */
    int64_t count;
    int64_t transmissions; /* of rollups only, which count two things */
    int64_t first_ms, last_ms;
};

struct deltas {
    struct delta *rows; /* in order of their first delta until sorted */
    size_t count, capacity;
    uint32_t *slots; /* open addressing: index + 1 into rows, 0 = empty */
    size_t slot_mask;
};

/* 32 bits of two numbers, for a table with open addressing. Both matter in their low bits, hence
 * two odd factors; the high half of the product is the mixed one. */
static inline size_t deltas_mix(int64_t id, int64_t part)
{
    const uint64_t mixed =
        (uint64_t)id * 0x9e3779b97f4a7c15U + (uint64_t)part * 0xc2b2ae3d27d4eb4fU;
    return (size_t)((mixed ^ (mixed >> 29)) * 0x9e3779b97f4a7c15U >> 32);
}

NODISCARD bool deltas_init(struct deltas *deltas, size_t capacity); /* false: out of memory */
void deltas_done(struct deltas *deltas);                            /* accepts a zeroed struct */
void deltas_clear(struct deltas *deltas);
/* So many new keys fit. */
size_t deltas_room(const struct deltas *deltas);
/* Merge one contribution. False: full, nothing changed. */
NODISCARD bool deltas_add(struct deltas *deltas, const struct delta *row);
/* The rows ordered by id and part, so that they are written page by page; borrowed until
 * deltas_clear, before which nothing may be added. */
const struct delta *deltas_sorted(struct deltas *deltas, size_t *out_count);
