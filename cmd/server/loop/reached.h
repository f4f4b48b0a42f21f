/* SPDX-License-Identifier: MIT
 *
 * reached - the limits of a loop that were reached, said once a second per loop with their counts.
 *
 * Threads: its loop's. Ownership: a part of the loop. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define REACHED_LIST(X)                                                                            \
    X(SOCKETS, "too many connections: the oldest silent ones were closed")                         \
    X(ADDRESS, "too many connections of one address: its oldest silent ones were closed")          \
    X(INPUTS, "too many unfinished requests: the oldest were closed")                              \
    X(DESCRIPTORS, "no descriptor for a new connection: see LimitNOFILE")                          \
    X(RATE, "clients ask more often than rateLimitPerSecond: refused with 429")                    \
    X(WORKERS, "too many requests wait for a worker: refused with 503")

enum reached_limit {
#define X(name, text) REACHED_##name,
    REACHED_LIST(X)
#undef X
        REACHED_COUNT
};

struct reached {
    uint64_t counts[REACHED_COUNT]; /* since they were said */
    mono_us said_at;
};

/* Returns when reached_say has something to say. */
mono_us reached_note(struct reached *reached, enum reached_limit limit);
/* Says it, if a second has passed since the last time. Returns when to call again, INT64_MAX = not
 * before the next note. */
mono_us reached_say(struct reached *reached, mono_us now, const char *listener, size_t connections);
