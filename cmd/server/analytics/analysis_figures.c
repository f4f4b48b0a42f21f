/* SPDX-License-Identifier: MIT */
#include "cmd/server/analytics/analysis_figures.h"

#include <string.h>

/* NULL = there is no room for another. */
static struct analysis_figures *row_of(struct analyses_figures *figures, const char *name)
{
    for (size_t i = 0; i < figures->count; i++) {
        if (strcmp(figures->all[i].name, name) == 0)
            return &figures->all[i];
    }
    if (figures->count == ANALYSES_MAX)
        return NULL;
    struct analysis_figures *row = &figures->all[figures->count++];
    *row = (struct analysis_figures){.name = name};
    return row;
}

enum run_news analysis_figures_note(struct analyses_figures *figures, const char *name,
                                    const struct run_cost *cost, enum run_news news, mono_us now)
{
    struct analysis_figures *row = row_of(figures, name);
    if (row == NULL)
        return RUN_NO_NEWS;
    (void)run_figures_note(&row->runs, cost); /* in a row it counts for one query alone */
    if (news == RUN_UNFIT && (row->told_at == 0 || now - row->told_at >= ANALYSIS_TOLD_US)) {
        row->told_at = now;
        return RUN_UNFIT;
    }
    if (news == RUN_FITS_AGAIN && row->told_at != 0) {
        row->told_at = 0;
        return RUN_FITS_AGAIN;
    }
    return RUN_NO_NEWS;
}
