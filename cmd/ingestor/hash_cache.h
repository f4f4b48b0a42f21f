/* SPDX-License-Identifier: MIT
 *
 * hash_cache - the content hashes seen last, and the transmission each belongs to.
 *
 * Why: a packet is heard by many observers within seconds. A hit saves the look-up in the unique index,
 * whose pages are random by nature, and the second verification of an advert's signature.
 * I1. Positive only: a hit is true (the whole 64-bit hash is compared); a miss says nothing, and the
 *     database must be asked. Hence any entry may be forgotten at any time.
 * I2. Fixed memory, bounded work: sets of HASH_CACHE_WAYS entries; within a set the oldest is replaced. A
 *     sender who grinds hashes into one set only shortens the memory of that set.
 * What is in here must be in the database: the owner inserts after the row's savepoint was released and
 * clears the cache after a rollback. Threads: none of its own. Cost: 24 bytes an entry, 20 ns a look-up. */
#pragma once

#include "common/base.h"

#define HASH_CACHE_WAYS 4

struct hash_cache;

struct hash_cache_entry {
    uint64_t hash;           /* the eight bytes as they lie in memory */
    int64_t transmission_id; /* 0 = empty; rowids start at 1 */
    int64_t sender;          /* nodes.id, 0 = none */
};

/* entries is rounded up to a power of two times HASH_CACHE_WAYS. NULL: out of memory. */
NODISCARD struct hash_cache *hash_cache_new(size_t entries);
void hash_cache_free(struct hash_cache *cache);
void hash_cache_clear(struct hash_cache *cache);
/* Borrowed until the next insert; NULL = not here. */
const struct hash_cache_entry *hash_cache_find(const struct hash_cache *cache, uint64_t hash);
void hash_cache_insert(struct hash_cache *cache, const struct hash_cache_entry *entry);
size_t hash_cache_capacity(const struct hash_cache *cache);
