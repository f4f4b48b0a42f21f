/* SPDX-License-Identifier: MIT
 *
 * io_rates - this process's own disk rates, sampled in the background so that two clients never
 * disturb each other (a rate "since the previous call" would).
 *
 * I1. No sample is not a sample of zero: when /proc can't be read the last two samples stay.
 * I2. Rates are never negative, and NaN (unknown) until there are two samples.
 * Threads: add from one thread; get from any, never waits for /proc. */
#pragma once

#include "common/base/clock.h"
#include "common/base/seqlock.h"
#include "common/stats/stats_snapshot.h"

struct io_rates {
    /* the sampling thread only */
    struct procio last;
    mono_us last_at;
    bool has_last;
    /* atomic: published; the rates, then their number, which readers take first */
    SEQLOCKED(struct procio_rates) published;
    _Atomic uint64_t generation;
};

void io_rates_add(struct io_rates *rates, const struct procio *sample, mono_us at);
void io_rates_get(const struct io_rates *rates, struct procio_rates *out);
