/* SPDX-License-Identifier: MIT
 *
 * hash_cache - the content hashes seen last, and the transmission each belongs to.
 *
 * Why: a packet is heard by many observers within seconds. A hit saves the look-up in the unique
 * index, whose pages are random by nature, and the second verification of an advert's signature.
 * I1. Positive only: a hit is true (the whole 64-bit hash is compared); a miss says nothing, and
 *     the database must be asked. Hence any entry may be forgotten at any time.
 * I2. Fixed memory, bounded work: sets of HASH_CACHE_WAYS entries; within a set the oldest is
 *     replaced. A sender who grinds hashes into one set only shortens the memory of that set.
 * What is in here must be in the database: the owner inserts after the row's savepoint was released
 * and clears the cache after a rollback. Threads: none of its own. Cost: 56 bytes per entry, 20 ns
 * per look-up. */
#pragma once

#include "common/base/base.h"

#define HASH_CACHE_WAYS 4
#define HASH_CACHE_HEAD                                                                            \
    16 /* bytes of the frame: nearly always all that is in front of the payload */

struct hash_cache;

struct hash_cache_entry {
    uint64_t hash;           /* the eight bytes as they lie in memory */
    int64_t transmission_id; /* 0 = empty; rowids start at 1 */
    int64_t subject;         /* of an ADVERT nodes.id, of a GRP_TXT channels.id; 0 = none */
    /* The earliest copy so far: its receipt, and how its frame begins (zeros behind
     * a shorter one). */
    int64_t first_ms;
    uint8_t head[HASH_CACHE_HEAD];
    /* The scope that was matched last, so that twenty receptions cost one match. 0 = none yet. */
    uint32_t scope_code_plus_1;
    uint32_t scope_id; /* scopes.id, 0 = no region fits */
};

/* entries is rounded up to a power of two times HASH_CACHE_WAYS. NULL: out of memory. */
NODISCARD struct hash_cache *hash_cache_new(size_t entries);
void hash_cache_free(struct hash_cache *cache);
void hash_cache_clear(struct hash_cache *cache);
/* Borrowed until the next insert; NULL = not here. */
const struct hash_cache_entry *hash_cache_find(const struct hash_cache *cache, uint64_t hash);
void hash_cache_insert(struct hash_cache *cache, const struct hash_cache_entry *entry);
/* Its transmission is deleted. */
void hash_cache_remove(struct hash_cache *cache, uint64_t hash);
size_t hash_cache_capacity(const struct hash_cache *cache);
