/* SPDX-License-Identifier: MIT
 *
 * pairs - was this pair of numbers seen before? A set that forgets the oldest, in fixed memory.
 *
 * Why: "packets that a node relayed" counts a packet once, however many observers heard it, and the
 * pairs of hop and packet of a whole day have no room. Copies of a packet come within seconds, so
 * it is enough to remember the newest pairs: of two generations the older one goes when the newer
 * one is full.
 * I1. Of a pair seen within the last PAIRS_KEPT different ones the answer is right; beyond 2 *
 *     PAIRS_KEPT it is "no". Threads: the caller's. Memory: 2 MB. */
#pragma once

#include "common/base/base.h"

/* At 50 receptions a second of four hops it is five minutes. */
#define PAIRS_KEPT 65536

struct pairs;

NODISCARD struct pairs *pairs_new(void); /* NULL = no memory */
void pairs_free(struct pairs *pairs);    /* accepts NULL */
/* True the first time. b below 2^36. */
bool pairs_add(struct pairs *pairs, uint32_t a, int64_t b);
