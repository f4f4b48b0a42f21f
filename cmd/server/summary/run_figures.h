/* SPDX-License-Identifier: MIT
 *
 * run_figures - what a computation of the background cost, and whether it fits: of all its runs,
 * and of the last one. For /metrics and /api/analytics.
 *
 * What is cut, or fails, every time is never well: after RUN_UNFIT_TOLD times in a row it is told
 * once, and once when it fits again.
 * Pure. Threads: the caller's lock. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define RUN_UNFIT_TOLD 3

enum run_end {
    RUN_WHOLE,
    RUN_CUT, /* a budget or a bound left something out */
    RUN_FAILED,
};

/* One run. */
struct run_cost {
    mono_us took_us; /* by the clock */
    mono_us cpu_us;  /* of a core */
    uint64_t rows;   /* that it read from the database */
    size_t bytes;    /* of what it made; of one that failed 0 */
    enum run_end end;
};

struct run_figures {
    uint64_t runs, cut, failed; /* runs: all of them */
    mono_us cpu_us;             /* of all of them */
    struct run_cost last;
    unsigned unfit; /* in a row, not whole */
};

enum run_news { RUN_NO_NEWS, RUN_UNFIT, RUN_FITS_AGAIN };

/* What there is to tell of it now. */
enum run_news run_figures_note(struct run_figures *figures, const struct run_cost *cost);
