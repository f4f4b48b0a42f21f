/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/hashes/hash_cache.h"

#include <stdlib.h>
#include <string.h>

struct hash_cache {
    size_t set_mask;
    /* Entries of a set lie from newest to oldest, so that the set needs no clock. */
    struct hash_cache_entry entries[];
};

struct hash_cache *hash_cache_new(size_t entries)
{
    size_t sets = 1;
    while (sets * HASH_CACHE_WAYS < entries)
        sets *= 2;
    struct hash_cache *cache =
        calloc(1, sizeof *cache + sets * HASH_CACHE_WAYS * sizeof cache->entries[0]);
    if (cache != NULL)
        cache->set_mask = sets - 1;
    return cache;
}

void hash_cache_free(struct hash_cache *cache)
{
    free(cache);
}

size_t hash_cache_capacity(const struct hash_cache *cache)
{
    return (cache->set_mask + 1) * HASH_CACHE_WAYS;
}

void hash_cache_clear(struct hash_cache *cache)
{
    memset(cache->entries, 0, hash_cache_capacity(cache) * sizeof cache->entries[0]);
}

/* The hash is a piece of SHA-256: its bits need no mixing. */
static size_t set_of(const struct hash_cache *cache, uint64_t hash)
{
    return ((size_t)hash & cache->set_mask) * HASH_CACHE_WAYS;
}

const struct hash_cache_entry *hash_cache_find(const struct hash_cache *cache, uint64_t hash)
{
    const struct hash_cache_entry *set = &cache->entries[set_of(cache, hash)];
    for (size_t i = 0; i < HASH_CACHE_WAYS; i++)
        if (set[i].hash == hash && set[i].transmission_id != 0)
            return &set[i];
    return NULL;
}

void hash_cache_insert(struct hash_cache *cache, const struct hash_cache_entry *entry)
{
    struct hash_cache_entry *set = &cache->entries[set_of(cache, entry->hash)];
    size_t at = 0;
    while (at < HASH_CACHE_WAYS - 1 && set[at].hash != entry->hash)
        at++;
    memmove(&set[1], &set[0], at * sizeof set[0]);
    set[0] = *entry;
}

void hash_cache_remove(struct hash_cache *cache, uint64_t hash)
{
    struct hash_cache_entry *set = &cache->entries[set_of(cache, hash)];
    for (size_t i = 0; i < HASH_CACHE_WAYS; i++) {
        if (set[i].hash != hash || set[i].transmission_id == 0)
            continue;
        memmove(&set[i], &set[i + 1], (HASH_CACHE_WAYS - 1 - i) * sizeof set[0]);
        memset(&set[HASH_CACHE_WAYS - 1], 0, sizeof set[0]);
        return;
    }
}
