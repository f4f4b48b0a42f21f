/* SPDX-License-Identifier: MIT
 *
 * observer_rate - a token bucket for each observer (`observerMaxPerSecond`), so that one broken
 * radio can't fill the ring of all others.
 *
 * Kept as one number per bucket, the time at which it will be full again (GCRA): a message costs
 * 1/rate seconds of it, and is refused when the bucket would be more than BURST_SECONDS behind. No
 * refill loop, no rounding that adds up.
 * I1. At most OBSERVER_SLOTS buckets; the least recently used one is recycled. A recycled observer
 *     starts with a full bucket: the error is always towards accepting.
 * I2. In any window of t seconds an observer that keeps its slot gets at most rate * (t +
 *     BURST_SECONDS).
 * I3. Observers are told apart by a seeded 64-bit hash of their name, ASCII case folded (publishers
 *     disagree about it). A collision, one in 10^12, would make two share a bucket. The seed keeps
 *     a publisher from choosing names that all fall into one chain.
 * Threads: one at a time. Cost: O(1), 20 ns, no allocation after _new. Ownership: heap, 120 KB. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define OBSERVER_SLOTS 4096
#define BURST_SECONDS  10

struct observer_rate;

/* per_second >= 1. NULL = no memory. */
NODISCARD struct observer_rate *observer_rate_new(int per_second, uint64_t seed);
void observer_rate_free(struct observer_rate *rate);

/* May this observer's message enter now? Takes its token if so; a refused one costs nothing. */
NODISCARD bool observer_rate_take(struct observer_rate *rate, const char *observer, size_t len,
                                  mono_us now);
