/* SPDX-License-Identifier: MIT */
#include "cmd/server/tally/table.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_AT_FIRST 64

void table_init(struct table *table, size_t entry_bytes, size_t key_bytes, size_t max)
{
    *table = (struct table){.entry_bytes = entry_bytes,
                            .key_bytes = key_bytes,
                            .max = max,
                            .seed = (uint64_t)clock_mono() * 0x9e3779b97f4a7c15U};
}

void table_done(struct table *table)
{
    free(table->entries);
    free(table->slots);
    *table = (struct table){0};
}

static size_t slots_bytes(const struct table *table)
{
    return table->slots != NULL ? (table->slot_mask + 1) * sizeof *table->slots : 0;
}

size_t table_bytes(const struct table *table)
{
    return table->room * table->entry_bytes + slots_bytes(table);
}

bool table_copy(const struct table *table, struct table *out)
{
    *out = *table;
    if (table->slots == NULL)
        return true;
    out->slots = malloc(slots_bytes(table));
    out->entries = malloc(table->room * table->entry_bytes);
    if (out->slots == NULL || out->entries == NULL) {
        table_done(out);
        return false;
    }
    memcpy(out->slots, table->slots, slots_bytes(table));
    memcpy(out->entries, table->entries, table->count * table->entry_bytes);
    return true;
}

static uint64_t hash_of(const struct table *table, const uint8_t *key)
{
    uint64_t hash = table->seed;
    for (size_t i = 0; i < table->key_bytes; i += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, key + i, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 32;
    }
    return hash;
}

static uint8_t *entry_at(const struct table *table, size_t at)
{
    return table->entries + at * table->entry_bytes;
}

/* By words: a call of memcmp for 8 bytes was a tenth of a run. */
static bool is_key(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += sizeof(uint32_t)) {
        uint32_t x;
        uint32_t y;
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        if (x != y)
            return false;
    }
    return true;
}

/* The slot that holds the key, or the empty one where it belongs. */
static uint32_t *slot_of(const struct table *table, const void *key)
{
    size_t at = (size_t)hash_of(table, key) & table->slot_mask;
    while (table->slots[at] != 0 &&
           !is_key(entry_at(table, table->slots[at] - 1), key, table->key_bytes))
        at = (at + 1) & table->slot_mask;
    return &table->slots[at];
}

/* Slots are twice the entries that have memory: probes stay short. */
static bool grow(struct table *table)
{
    const size_t room = min_size(table->room == 0 ? ROOM_AT_FIRST : table->room * 2, table->max);
    if (room <= table->room)
        return false;
    size_t slot_count = 4;
    while (slot_count < room * 2)
        slot_count *= 2;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    uint8_t *entries = realloc(table->entries, room * table->entry_bytes);
    if (entries != NULL)
        table->entries = entries;
    if (slots == NULL || entries == NULL) {
        free(slots);
        return false;
    }
    free(table->slots);
    table->slots = slots;
    table->slot_mask = slot_count - 1;
    table->room = room;
    for (size_t i = 0; i < table->count; i++)
        *slot_of(table, entry_at(table, i)) = (uint32_t)(i + 1);
    return true;
}

void *table_take(struct table *table, const void *key, bool *out_is_new)
{
    const uint32_t *slot = table->slots != NULL ? slot_of(table, key) : NULL;
    const bool is_new = slot == NULL || *slot == 0;
    if (out_is_new != NULL)
        *out_is_new = is_new;
    if (!is_new)
        return entry_at(table, *slot - 1);
    if (table->count == table->room && !grow(table)) {
        table->is_cut = true;
        return NULL;
    }
    uint8_t *entry = entry_at(table, table->count);
    memset(entry, 0, table->entry_bytes);
    memcpy(entry, key, table->key_bytes);
    *slot_of(table, key) = (uint32_t)++table->count;
    return entry;
}

const void *table_find(const struct table *table, const void *key)
{
    if (table->slots == NULL)
        return NULL;
    const uint32_t number = *slot_of(table, key);
    return number == 0 ? NULL : entry_at(table, number - 1);
}

const void *table_at(const struct table *table, size_t at)
{
    return entry_at(table, at);
}

const void **table_sorted(const struct table *table, int (*order)(const void *, const void *))
{
    const void **sorted = malloc((table->count + 1) * sizeof(const void *));
    if (sorted == NULL)
        return NULL;
    for (size_t i = 0; i < table->count; i++)
        sorted[i] = table_at(table, i);
    qsort(sorted, table->count, sizeof(const void *), order);
    return sorted;
}
