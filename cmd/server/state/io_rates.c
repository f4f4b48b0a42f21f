/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/io_rates.h"

#include <math.h>

void io_rates_add(struct io_rates *rates, const struct procio *sample, mono_us at)
{
    struct procio_rates fresh;
    if (rates->has_last && stats_procio_rates(&rates->last, sample,
                                              (double)(at - rates->last_at) / US_PER_S, &fresh)) {
        seqlock_write(&rates->published, &fresh);
        atomic_fetch_add(&rates->generation, 1);
    }
    rates->last = *sample;
    rates->last_at = at;
    rates->has_last = true;
}

void io_rates_get(const struct io_rates *rates, struct procio_rates *out)
{
    /* The number is raised behind the rates. */
    const bool has_rates = atomic_load(&rates->generation) > 0;
    seqlock_take(&rates->published, out);
    if (has_rates)
        return;
#define PROCIO(id, rate, json, prometheus, unit, help) out->id = (double)NAN;
#include "common/stats/metrics.def"
}
