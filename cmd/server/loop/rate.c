/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/rate.h"

#include <stdlib.h>

#define WAYS     4
#define SETS     (RATE_CLIENTS / WAYS)
#define BURST_US ((mono_us)RATE_BURST_S * US_PER_S)

struct bucket {
    uint64_t client;
    mono_us full_at; /* 0 = nobody's */
};

struct rate {
    mono_us interval; /* of one token */
    uint64_t seed;
    struct bucket buckets[SETS][WAYS];
};

struct rate *rate_new(int per_second)
{
    struct rate *rate = calloc(1, sizeof *rate);
    if (rate == NULL)
        return NULL;
    rate->interval = US_PER_S / per_second;
    /* Where this process lies in memory, and when it began: nobody can choose his set. */
    rate->seed = (uint64_t)(uintptr_t)rate ^ (uint64_t)clock_mono() << 20;
    return rate;
}

void rate_free(struct rate *rate)
{
    free(rate);
}

static struct bucket *find(struct rate *rate, uint64_t client)
{
    const uint64_t mixed = (client ^ rate->seed) * UINT64_C(0x9e3779b97f4a7c15);
    struct bucket *set = rate->buckets[(mixed >> 32) % SETS];
    struct bucket *rested = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].full_at != 0 && set[i].client == client)
            return &set[i];
        if (set[i].full_at < rested->full_at)
            rested = &set[i];
    }
    *rested = (struct bucket){.client = client};
    return rested;
}

bool rate_take(struct rate *rate, uint64_t client, mono_us now)
{
    struct bucket *bucket = find(rate, client);
    const mono_us before = bucket->full_at > now ? bucket->full_at : now;
    const mono_us after = before + rate->interval;
    if (after - now > BURST_US)
        return false;
    bucket->full_at = after;
    return true;
}
