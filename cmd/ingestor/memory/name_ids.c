/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/memory/name_ids.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    int64_t id;
    char name[NAME_IDS_TEXT];
};

struct name_ids {
    size_t count, capacity;
    size_t slot_mask;
    uint32_t *slots; /* open addressing: index + 1 into entries, 0 = empty */
    struct entry entries[];
};

struct name_ids *name_ids_new(size_t capacity)
{
    size_t slots = 4;
    while (slots < capacity * 2) /* at most half full: probes stay short */
        slots *= 2;
    struct name_ids *names = calloc(1, sizeof *names + capacity * sizeof names->entries[0]);
    if (names == NULL)
        return NULL;
    names->slots = calloc(slots, sizeof names->slots[0]);
    if (names->slots == NULL) {
        free(names);
        return NULL;
    }
    names->capacity = capacity;
    names->slot_mask = slots - 1;
    return names;
}

void name_ids_free(struct name_ids *names)
{
    if (names == NULL)
        return;
    free(names->slots);
    free(names);
}

void name_ids_clear(struct name_ids *names)
{
    if (names->count == 0)
        return;
    names->count = 0;
    memset(names->slots, 0, (names->slot_mask + 1) * sizeof names->slots[0]);
}

/* The slot that holds the name, or the empty one where it belongs; FNV-1a. */
static uint32_t *slot_of(const struct name_ids *names, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3U;
    size_t at = (size_t)(hash ^ (hash >> 32)) & names->slot_mask;
    while (names->slots[at] != 0 && strcmp(names->entries[names->slots[at] - 1].name, name) != 0)
        at = (at + 1) & names->slot_mask;
    return &names->slots[at];
}

int64_t name_ids_find(const struct name_ids *names, const char *name)
{
    const uint32_t slot = *slot_of(names, name);
    return slot != 0 ? names->entries[slot - 1].id : 0;
}

void name_ids_put(struct name_ids *names, const char *name, int64_t id)
{
    const size_t len = strlen(name);
    if (len >= NAME_IDS_TEXT)
        return;
    uint32_t *slot = slot_of(names, name);
    if (*slot == 0) {
        if (names->count == names->capacity) {
            name_ids_clear(names);
            slot = slot_of(names, name);
        }
        *slot = (uint32_t)++names->count;
        memcpy(names->entries[*slot - 1].name, name, len + 1);
    }
    names->entries[*slot - 1].id = id;
}
