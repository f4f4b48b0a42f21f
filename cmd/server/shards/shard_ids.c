/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shard_ids.h"

#include <pthread.h>
#include <stdlib.h>

#define FIRST_SLOTS 1024 /* a power of two; at most half of them are used */

struct kind {
    uint64_t *numbers; /* owned; of id 1, 2 ... */
    uint32_t *slots;   /* owned; ids, 0 = free */
    size_t count, slot_count;
};

struct shard_ids {
    /* guarded by lock */
    pthread_mutex_t lock;
    struct kind kinds[SHARD_ID_KINDS];
};

struct shard_ids *shard_ids_new(void)
{
    struct shard_ids *ids = calloc(1, sizeof *ids);
    if (ids != NULL)
        (void)pthread_mutex_init(&ids->lock, NULL); /* can't fail on Linux without attributes */
    return ids;
}

void shard_ids_free(struct shard_ids *ids)
{
    if (ids == NULL)
        return;
    for (size_t i = 0; i < SHARD_ID_KINDS; i++) {
        free(ids->kinds[i].numbers);
        free(ids->kinds[i].slots);
    }
    (void)pthread_mutex_destroy(&ids->lock);
    free(ids);
}

/* Where it stands, or would. Numbers are bits of a hash, or the beginning of a key, which somebody
 * may choose: mixed. */
static size_t slot_of(const struct kind *k, uint64_t number)
{
    uint64_t mixed = number * UINT64_C(0x9E3779B97F4A7C15);
    mixed ^= mixed >> 32;
    size_t at = (size_t)mixed & (k->slot_count - 1);
    while (k->slots[at] != 0 && k->numbers[k->slots[at] - 1] != number)
        at = (at + 1) & (k->slot_count - 1);
    return at;
}

/* Room for one more. False = no memory. */
static bool grow(struct kind *k)
{
    if (2 * (k->count + 1) <= k->slot_count)
        return true;
    const size_t count = k->slot_count > 0 ? 2 * k->slot_count : FIRST_SLOTS;
    uint64_t *numbers = realloc(k->numbers, count / 2 * sizeof *numbers);
    if (numbers == NULL)
        return false;
    k->numbers = numbers;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (slots == NULL)
        return false;
    free(k->slots);
    k->slots = slots;
    k->slot_count = count;
    for (size_t i = 0; i < k->count; i++)
        slots[slot_of(k, numbers[i])] = (uint32_t)i + 1;
    return true;
}

int64_t shard_ids_of(struct shard_ids *ids, enum shard_id_kind kind, uint64_t number)
{
    struct kind *k = &ids->kinds[kind];
    int64_t id = 0;
    (void)pthread_mutex_lock(&ids->lock);
    if (grow(k)) {
        uint32_t *slot = &k->slots[slot_of(k, number)];
        if (*slot == 0 && k->count < SHARD_IDS_MAX) {
            k->numbers[k->count++] = number;
            *slot = (uint32_t)k->count;
        }
        id = *slot;
    }
    (void)pthread_mutex_unlock(&ids->lock);
    return id;
}

bool shard_ids_number(struct shard_ids *ids, enum shard_id_kind kind, int64_t id, uint64_t *out)
{
    const struct kind *k = &ids->kinds[kind];
    (void)pthread_mutex_lock(&ids->lock);
    const bool is_known = id > 0 && (uint64_t)id <= k->count;
    if (is_known)
        *out = k->numbers[id - 1];
    (void)pthread_mutex_unlock(&ids->lock);
    return is_known;
}
