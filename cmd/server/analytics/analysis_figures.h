/* SPDX-License-Identifier: MIT
 *
 * analysis_figures - what computing each analysis cost, of all its queries together: their slots
 * come and go, counters stay.
 *
 * I1. That a query of an analysis is never whole is told once in ANALYSIS_TOLD_US, whatever is
 *     asked of it; that it is again, where that was told.
 * Pure. Threads: the caller's lock. */
#pragma once

#include "cmd/server/summary/run_figures.h"

#define ANALYSES_MAX     32 /* there are a dozen and a half */
#define ANALYSIS_TOLD_US (3600 * (mono_us)US_PER_S)

struct analysis_figures {
    const char *name; /* static */
    struct run_figures runs;
    size_t bytes;    /* that are kept of it now; set for who asks (analytics_figures) */
    mono_us told_at; /* 0 = it was not, or it is whole again */
};

struct analyses_figures {
    struct analysis_figures all[ANALYSES_MAX];
    size_t count;
};

/* A run of one of its queries; news: of that query. What is to be told. An analysis without a row
 * gets one; where there is no room for it nothing is noted. */
enum run_news analysis_figures_note(struct analyses_figures *figures, const char *name,
                                    const struct run_cost *cost, enum run_news news, mono_us now);
