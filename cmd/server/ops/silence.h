/* SPDX-License-Identifier: MIT
 *
 * silence - has a source fallen silent by its own measure? The other half of "unusual" (anomaly.h):
 * a connection that stands and brings nothing.
 *
 * Its measure is the gap between two messages that 99 of 100 do not exceed, of its last
 * SILENCE_GAPS; silent is more than four times that, and more than SILENCE_LEAST_S. Gaps are seen
 * in whole seconds, from one sample to the next: a busy source has gaps of a second, and the least
 * counts.
 * I1. A source that was never heard, or too rarely to know its gaps, is not silent: nobody knows.
 * I2. One that is not connected is not silent either: that is another fault, and said elsewhere.
 * Pure. Limits: a slot for each source that may be configured. */
#pragma once

#include "common/stats/stats_snapshot.h"

#define SILENCE_GAPS    256
#define SILENCE_KNOWN   5 /* gaps without which it is not known */
#define SILENCE_LEAST_S 30
#define SILENCE_TIMES   4

struct silence {
    char source[STATS_SOURCE_BYTES];
    int64_t usual_s;  /* the gap that 99 of 100 do not exceed; STATS_UNKNOWN */
    int64_t limit_s;  /* longer is silent; STATS_UNKNOWN, as usual_s */
    int64_t silent_s; /* since the last message; STATS_UNKNOWN */
    bool is_silent;
};

struct silence_past {
    int64_t last_s;              /* the last message, unix; 0 = none yet */
    uint16_t gaps[SILENCE_GAPS]; /* seconds */
    size_t gap_count;            /* ever */
};

struct silences {
    struct silence all[CONFIG_SOURCES_MAX];
    struct silence_past pasts[CONFIG_SOURCES_MAX];
    size_t count;
};

/* snapshot: one that is true now. */
void silences_look(struct silences *silences, const struct stats_snapshot *snapshot, int64_t now_s);
/* Nothing is known of the present. */
void silences_forget(struct silences *silences);
