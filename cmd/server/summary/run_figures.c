/* SPDX-License-Identifier: MIT */
#include "cmd/server/summary/run_figures.h"

enum run_news run_figures_note(struct run_figures *figures, const struct run_cost *cost)
{
    const unsigned before = figures->unfit;
    figures->runs++;
    figures->cut += cost->end == RUN_CUT;
    figures->failed += cost->end == RUN_FAILED;
    figures->cpu_us += cost->cpu_us;
    figures->last = *cost;
    figures->unfit = cost->end == RUN_WHOLE ? 0 : before + 1;
    if (figures->unfit == RUN_UNFIT_TOLD)
        return RUN_UNFIT;
    return figures->unfit == 0 && before >= RUN_UNFIT_TOLD ? RUN_FITS_AGAIN : RUN_NO_NEWS;
}
