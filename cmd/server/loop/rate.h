/* SPDX-License-Identifier: MIT
 *
 * rate - how often each client asks: a token bucket each, of RATE_BURST_S seconds' worth, because a
 * page asks for everything at once.
 *
 * A bucket is one number, the time at which it will be full again (the generic cell rate
 * algorithm). A client has four places where its bucket may stand; when all are taken the one that
 * is full first, thus the most rested, gives way.
 * I1. Who is refused has a token again within a second, for no rate is below one.
 * Threads: its loop's. Limits: RATE_CLIENTS at once; one that was forgotten begins with a full
 * bucket. Cost: four comparisons; 64 KiB. */
#pragma once

#include "common/base/clock.h"

#define RATE_CLIENTS 4096
#define RATE_BURST_S 10

struct rate;

/* NULL = no memory. */
NODISCARD struct rate *rate_new(int per_second);
void rate_free(struct rate *rate); /* accepts NULL */
/* One request of this client. False = it asks too often. */
bool rate_take(struct rate *rate, uint64_t client, mono_us now);
