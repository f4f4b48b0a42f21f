/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/tally.h"

#include <stdlib.h>
#include <string.h>

bool tally_init(struct tally *tally, size_t capacity)
{
    memset(tally, 0, sizeof *tally);
    size_t slots = 4;
    while (slots < capacity * 2) /* at most half full: probes stay short */
        slots *= 2;
    tally->rows = calloc(capacity, sizeof tally->rows[0]);
    tally->slots = calloc(slots, sizeof tally->slots[0]);
    if (tally->rows == NULL || tally->slots == NULL) {
        tally_done(tally);
        return false;
    }
    tally->capacity = capacity;
    tally->slot_mask = slots - 1;
    return true;
}

void tally_done(struct tally *tally)
{
    free(tally->rows);
    free(tally->slots);
    memset(tally, 0, sizeof *tally);
}

void tally_clear(struct tally *tally)
{
    if (tally->count == 0)
        return;
    tally->count = 0;
    memset(tally->slots, 0, (tally->slot_mask + 1) * sizeof tally->slots[0]);
}

size_t tally_room(const struct tally *tally)
{
    return tally->capacity - tally->count;
}

/* The slot that holds the key, or the empty one where it belongs. Both words matter in their low bits, hence
 * two odd factors; the high half of the product is the mixed one. */
static uint32_t *slot_of(const struct tally *tally, const uint64_t key[static 2])
{
    const uint64_t mixed = key[0] * 0x9e3779b97f4a7c15U + key[1] * 0xc2b2ae3d27d4eb4fU;
    size_t at = (size_t)((mixed ^ (mixed >> 29)) * 0x9e3779b97f4a7c15U >> 32) & tally->slot_mask;
    while (tally->slots[at] != 0) {
        const struct tally_row *row = &tally->rows[tally->slots[at] - 1];
        if (row->key[0] == key[0] && row->key[1] == key[1])
            break;
        at = (at + 1) & tally->slot_mask;
    }
    return &tally->slots[at];
}

bool tally_add(struct tally *tally, const struct tally_row *row)
{
    uint32_t *slot = slot_of(tally, row->key);
    if (*slot == 0) {
        if (tally_room(tally) == 0)
            return false;
        tally->rows[tally->count++] = *row;
        *slot = (uint32_t)tally->count;
        return true;
    }
    struct tally_row *have = &tally->rows[*slot - 1];
    have->observations += row->observations;
    have->transmissions += row->transmissions;
    if (row->first_ms < have->first_ms)
        have->first_ms = row->first_ms;
    if (row->last_ms > have->last_ms)
        have->last_ms = row->last_ms;
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    const struct tally_row *x = a;
    const struct tally_row *y = b;
    if (x->key[0] != y->key[0])
        return x->key[0] < y->key[0] ? -1 : 1;
    return (x->key[1] > y->key[1]) - (x->key[1] < y->key[1]);
}

const struct tally_row *tally_sorted(struct tally *tally, size_t *out_count)
{
    qsort(tally->rows, tally->count, sizeof tally->rows[0], compare_keys);
    *out_count = tally->count;
    return tally->rows;
}
