/* SPDX-License-Identifier: MIT */
#include "cmd/server/tally/pairs.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS ((size_t)PAIRS_KEPT * 2) /* half full at most */

struct pairs {
    uint64_t *newer, *older; /* 0 = free */
    size_t count;            /* in newer */
    uint64_t seed;
};

struct pairs *pairs_new(void)
{
    struct pairs *pairs = calloc(1, sizeof *pairs);
    if (pairs == NULL)
        return NULL;
    pairs->newer = calloc(SLOTS, sizeof *pairs->newer);
    pairs->older = calloc(SLOTS, sizeof *pairs->older);
    pairs->seed = (uint64_t)clock_mono();
    if (pairs->newer == NULL || pairs->older == NULL) {
        pairs_free(pairs);
        return NULL;
    }
    return pairs;
}

void pairs_free(struct pairs *pairs)
{
    if (pairs == NULL)
        return;
    free(pairs->newer);
    free(pairs->older);
    free(pairs);
}

static uint64_t *slot_of(const struct pairs *pairs, uint64_t *slots, uint64_t pair)
{
    uint64_t mixed = (pair ^ pairs->seed) * 0x9e3779b97f4a7c15U;
    mixed ^= mixed >> 32;
    size_t at = (size_t)(mixed * 0xc2b2ae3d27d4eb4fU >> 32) & (SLOTS - 1);
    while (slots[at] != 0 && slots[at] != pair)
        at = (at + 1) & (SLOTS - 1);
    return &slots[at];
}

bool pairs_add(struct pairs *pairs, uint32_t a, int64_t b)
{
    /* A hop is 26 bits. 0 is a free slot. */
    const uint64_t pair = ((uint64_t)a << 36 | ((uint64_t)b & ((UINT64_C(1) << 36) - 1))) + 1;
    uint64_t *slot = slot_of(pairs, pairs->newer, pair);
    if (*slot == pair)
        return false;
    const bool is_known = *slot_of(pairs, pairs->older, pair) == pair;
    if (pairs->count == PAIRS_KEPT) {
        uint64_t *const emptied = pairs->older;
        memset(emptied, 0, SLOTS * sizeof *emptied);
        pairs->older = pairs->newer;
        pairs->newer = emptied;
        pairs->count = 0;
        slot = slot_of(pairs, pairs->newer, pair);
    }
    *slot = pair;
    pairs->count++;
    return !is_known;
}
