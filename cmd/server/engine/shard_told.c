/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_told.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS (2 * TOLD_MAX)

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "slots are found by a mask");

struct shard_told {
    size_t count; /* in the younger */
    size_t younger;
    int64_t sets[2][SLOTS]; /* 0 = free */
};

struct shard_told *shard_told_new(void)
{
    return calloc(1, sizeof(struct shard_told));
}

void shard_told_free(struct shard_told *told)
{
    free(told);
}

void shard_told_clear(struct shard_told *told)
{
    memset(told, 0, sizeof *told);
}

/* Ids are bits of a hash: any of them spread. There is always a free slot. */
static size_t slot_of(const int64_t *set, int64_t id)
{
    size_t at = (size_t)id & (SLOTS - 1);
    while (set[at] != 0 && set[at] != id)
        at = (at + 1) & (SLOTS - 1);
    return at;
}

bool shard_told_has(const struct shard_told *told, int64_t id)
{
    return told->sets[0][slot_of(told->sets[0], id)] == id ||
           told->sets[1][slot_of(told->sets[1], id)] == id;
}

void shard_told_add(struct shard_told *told, int64_t id)
{
    if (shard_told_has(told, id))
        return;
    if (told->count == TOLD_MAX) {
        told->younger = 1 - told->younger;
        memset(told->sets[told->younger], 0, sizeof told->sets[0]);
        told->count = 0;
    }
    int64_t *set = told->sets[told->younger];
    set[slot_of(set, id)] = id;
    told->count++;
}
