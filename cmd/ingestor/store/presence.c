/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/presence.h"

#include <stdlib.h>
#include <string.h>

bool presence_init(struct presence *presence, size_t capacity)
{
    memset(presence, 0, sizeof *presence);
    size_t slots = 4;
    while (slots < capacity * 2) /* at most half full: probes stay short */
        slots *= 2;
    presence->rows = calloc(capacity, sizeof presence->rows[0]);
    presence->slots = calloc(slots, sizeof presence->slots[0]);
    if (presence->rows == NULL || presence->slots == NULL) {
        presence_done(presence);
        return false;
    }
    presence->capacity = capacity;
    presence->slot_mask = slots - 1;
    return true;
}

void presence_done(struct presence *presence)
{
    free(presence->rows);
    free(presence->slots);
    memset(presence, 0, sizeof *presence);
}

void presence_clear(struct presence *presence)
{
    if (presence->count == 0)
        return;
    presence->count = 0;
    memset(presence->slots, 0, (presence->slot_mask + 1) * sizeof presence->slots[0]);
}

bool presence_is_full(const struct presence *presence)
{
    return presence->count == presence->capacity;
}

/* The slot that holds id, or the empty one where it belongs. Fibonacci hashing spreads consecutive ids. */
static uint32_t *slot_of(const struct presence *presence, int64_t id)
{
    size_t at = (size_t)(((uint64_t)id * 0x9e3779b97f4a7c15U) >> 32) & presence->slot_mask;
    while (presence->slots[at] != 0 && presence->rows[presence->slots[at] - 1].id != id)
        at = (at + 1) & presence->slot_mask;
    return &presence->slots[at];
}

bool presence_add(struct presence *presence, const struct presence_row *row)
{
    if (presence_is_full(presence))
        return false;
    uint32_t *slot = slot_of(presence, row->id);
    if (*slot == 0) {
        presence->rows[presence->count++] = *row;
        *slot = (uint32_t)presence->count;
        return true;
    }
    struct presence_row *have = &presence->rows[*slot - 1];
    have->count += row->count;
    if (row->first_ms < have->first_ms)
        have->first_ms = row->first_ms;
    if (row->last_ms > have->last_ms)
        have->last_ms = row->last_ms;
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = ((const struct presence_row *)a)->id;
    int64_t y = ((const struct presence_row *)b)->id;
    return (x > y) - (x < y);
}

const struct presence_row *presence_sorted(struct presence *presence, size_t *out_count)
{
    qsort(presence->rows, presence->count, sizeof presence->rows[0], compare_ids);
    *out_count = presence->count;
    return presence->rows;
}
