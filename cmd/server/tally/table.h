/* SPDX-License-Identifier: MIT
 *
 * table - entries of one size that begin with their key, found through a hash table, in the order
 * in which they came; bounded in number, and small while there are few.
 *
 * I1. An entry is zero but for its key when it is made. I2. More than `max` never stand there: what
 *     finds no room is refused, and is_cut says so from then on. I3. An entry's address is good
 *     until the next table_take.
 * A key is all its bytes: padding must be zero. The hash is seeded per table, because keys come
 * from the radio.
 * Threads: none of its own; reading what nobody changes, from any. Ownership: table_done. */
#pragma once

#include "common/base/base.h"

struct table {
    size_t entry_bytes, key_bytes, max;
    size_t count;
    bool is_cut;      /* an entry had no room, or there was no memory for it */
    uint8_t *entries; /* owned */
    size_t room;      /* entries that have memory */
    uint32_t *slots;  /* owned; an entry's number + 1, 0 = free */
    size_t slot_mask; /* slots - 1; meaningful when slots are there */
    uint64_t seed;
};

/* key_bytes: a multiple of 4. Allocates nothing yet. */
void table_init(struct table *table, size_t entry_bytes, size_t key_bytes, size_t max);
void table_done(struct table *table); /* accepts a zeroed one */
/* Of memory, behind the struct itself. */
size_t table_bytes(const struct table *table);
/* For who reads while the original goes on. False = no memory. */
NODISCARD bool table_copy(const struct table *table, struct table *out);
/* The entry of this key, made when it is new (*out_is_new, which may be NULL); NULL = no room. */
NODISCARD void *table_take(struct table *table, const void *key, bool *out_is_new);
/* NULL = there is none. */
const void *table_find(const struct table *table, const void *key);
/* at < count, in the order in which they came. */
const void *table_at(const struct table *table, size_t at);
/* All entries in an order (for qsort over pointers to them); free() it, good until the next
 * table_take. NULL = no memory. */
NODISCARD const void **table_sorted(const struct table *table,
                                    int (*order)(const void *, const void *));
