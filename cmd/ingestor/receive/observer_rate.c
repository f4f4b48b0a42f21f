/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/observer_rate.h"

#include <stdlib.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_US 1000
#define HEADS     8192 /* power of two; chains of half an entry when every slot is used */
#define NONE      UINT16_MAX

struct slot {
    uint64_t key;
    int64_t full_at_ns;    /* when the bucket is full again; in the past = full */
    uint16_t newer, older; /* LRU list */
    uint16_t next;         /* in its chain */
};

struct observer_rate {
    /* constant after new */
    int64_t cost_ns;
    uint64_t seed;
    /* the caller's thread only */
    uint16_t used; /* slots that were ever given out */
    uint16_t newest, oldest;
    uint16_t heads[HEADS];
    struct slot slots[OBSERVER_SLOTS];
};

_Static_assert(OBSERVER_SLOTS < NONE, "an index must differ from NONE");
_Static_assert((HEADS & (HEADS - 1)) == 0, "masked, not divided");

struct observer_rate *observer_rate_new(int per_second, uint64_t seed)
{
    struct observer_rate *rate = calloc(1, sizeof *rate);
    if (rate == NULL)
        return NULL;
    rate->cost_ns = NS_PER_S / per_second;
    rate->seed = seed;
    rate->newest = rate->oldest = NONE;
    for (size_t i = 0; i < HEADS; i++)
        rate->heads[i] = NONE;
    return rate;
}

void observer_rate_free(struct observer_rate *rate)
{
    free(rate);
}

static uint64_t hash(const struct observer_rate *rate, const char *text, size_t len)
{
    uint64_t h = rate->seed ^ (uint64_t)len;
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        const unsigned char folded = c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
        h = (h ^ folded) * UINT64_C(0x9fb21c651e98df25);
        h ^= h >> 32;
    }
    return h;
}

static uint16_t *head_of(struct observer_rate *rate, uint64_t key)
{
    return &rate->heads[key & (HEADS - 1)];
}

static void list_remove(struct observer_rate *rate, uint16_t i)
{
    const struct slot *slot = &rate->slots[i];
    if (slot->newer != NONE)
        rate->slots[slot->newer].older = slot->older;
    else
        rate->newest = slot->older;
    if (slot->older != NONE)
        rate->slots[slot->older].newer = slot->newer;
    else
        rate->oldest = slot->newer;
}

static void list_push(struct observer_rate *rate, uint16_t i)
{
    struct slot *slot = &rate->slots[i];
    slot->newer = NONE;
    slot->older = rate->newest;
    if (rate->newest != NONE)
        rate->slots[rate->newest].newer = i;
    else
        rate->oldest = i;
    rate->newest = i;
}

static void chain_remove(struct observer_rate *rate, uint16_t i)
{
    uint16_t *link = head_of(rate, rate->slots[i].key);
    while (*link != i)
        link = &rate->slots[*link].next;
    *link = rate->slots[i].next;
}

static uint16_t find(struct observer_rate *rate, uint64_t key)
{
    uint16_t i = *head_of(rate, key);
    while (i != NONE && rate->slots[i].key != key)
        i = rate->slots[i].next;
    return i;
}

static uint16_t make(struct observer_rate *rate, uint64_t key)
{
    uint16_t i;
    if (rate->used < OBSERVER_SLOTS) {
        i = rate->used++;
    } else {
        i = rate->oldest;
        list_remove(rate, i);
        chain_remove(rate, i);
    }
    uint16_t *head = head_of(rate, key);
    rate->slots[i] = (struct slot){.key = key, .next = *head};
    *head = i;
    list_push(rate, i);
    return i;
}

static uint16_t find_or_make(struct observer_rate *rate, uint64_t key)
{
    const uint16_t i = find(rate, key);
    if (i == NONE)
        return make(rate, key);
    if (i != rate->newest) {
        list_remove(rate, i);
        list_push(rate, i);
    }
    return i;
}

bool observer_rate_take(struct observer_rate *rate, const char *observer, size_t len, mono_us now)
{
    struct slot *slot = &rate->slots[find_or_make(rate, hash(rate, observer, len))];
    const int64_t now_ns = now * NS_PER_US;
    const int64_t from = slot->full_at_ns > now_ns ? slot->full_at_ns : now_ns;
    if (from + rate->cost_ns - now_ns > BURST_SECONDS * NS_PER_S)
        return false;
    slot->full_at_ns = from + rate->cost_ns;
    return true;
}
