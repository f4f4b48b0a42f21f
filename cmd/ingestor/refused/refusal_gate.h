/* SPDX-License-Identifier: MIT
 *
 * refusal_gate - which refused messages get a row of their own: at most REFUSALS_PER_SECOND.
 *
 * I1. Never more than that in a second, by the monotonic clock.
 * I2. A source may take half of what the others have left of the second, a rule half of what the
 *     other rules have left of its source's half (rounded up): a flood of one kind takes five rows
 *     a second, and the first messages of another kind or source still get theirs.
 * Pure but for its own memory. Threads: one. */
#pragma once

#include "common/base/clock.h"
#include "common/ring/ledger.h"

#define REFUSALS_PER_SECOND 20

struct refusal_gate {
    mono_us began; /* of the second */
    unsigned total;
    /* a row each that was let through */
    struct {
        uint32_t source; /* crc32c of its name */
        enum outcome outcome;
    } taken[REFUSALS_PER_SECOND];
};

/* May this one have a row? Counts it then. */
bool refusal_gate_take(struct refusal_gate *gate, const char *source, enum outcome outcome,
                       mono_us now);
