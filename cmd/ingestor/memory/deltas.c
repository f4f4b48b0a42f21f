/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/memory/deltas.h"

#include <stdlib.h>
#include <string.h>

bool deltas_init(struct deltas *deltas, size_t capacity)
{
    memset(deltas, 0, sizeof *deltas);
    size_t slots = 4;
    while (slots < capacity * 2) /* at most half full: probes stay short */
        slots *= 2;
    deltas->rows = calloc(capacity, sizeof deltas->rows[0]);
    deltas->slots = calloc(slots, sizeof deltas->slots[0]);
    if (deltas->rows == NULL || deltas->slots == NULL) {
        deltas_done(deltas);
        return false;
    }
    deltas->capacity = capacity;
    deltas->slot_mask = slots - 1;
    return true;
}

void deltas_done(struct deltas *deltas)
{
    free(deltas->rows);
    free(deltas->slots);
    memset(deltas, 0, sizeof *deltas);
}

void deltas_clear(struct deltas *deltas)
{
    if (deltas->count == 0)
        return;
    deltas->count = 0;
    memset(deltas->slots, 0, (deltas->slot_mask + 1) * sizeof deltas->slots[0]);
}

size_t deltas_room(const struct deltas *deltas)
{
    return deltas->capacity - deltas->count;
}

/* The slot that holds the key, or the empty one where it belongs. */
static uint32_t *slot_of(const struct deltas *deltas, int64_t id, int64_t part)
{
    size_t at = deltas_mix(id, part) & deltas->slot_mask;
    while (deltas->slots[at] != 0) {
        const struct delta *row = &deltas->rows[deltas->slots[at] - 1];
        if (row->id == id && row->part == part)
            break;
        at = (at + 1) & deltas->slot_mask;
    }
    return &deltas->slots[at];
}

bool deltas_add(struct deltas *deltas, const struct delta *row)
{
    uint32_t *slot = slot_of(deltas, row->id, row->part);
    if (*slot == 0) {
        if (deltas_room(deltas) == 0)
            return false;
        deltas->rows[deltas->count++] = *row;
        *slot = (uint32_t)deltas->count;
        return true;
    }
    struct delta *have = &deltas->rows[*slot - 1];
    have->count += row->count;
    have->transmissions += row->transmissions;
    if (row->first_ms < have->first_ms)
        have->first_ms = row->first_ms;
    if (row->last_ms > have->last_ms)
        have->last_ms = row->last_ms;
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    const struct delta *x = a;
    const struct delta *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->part > y->part) - (x->part < y->part);
}

const struct delta *deltas_sorted(struct deltas *deltas, size_t *out_count)
{
    qsort(deltas->rows, deltas->count, sizeof deltas->rows[0], compare_keys);
    *out_count = deltas->count;
    return deltas->rows;
}
