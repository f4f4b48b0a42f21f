/* SPDX-License-Identifier: MIT
 *
 * summary_job - the background's counting: the thread that keeps the newest summary, the newest
 * facts of adverts, the reported scopes, and of another store the observers' days.
 *
 * Once a second the adverts that came since are looked at. A run over the receptions of the last 24
 * hours begins SUMMARY_PERIOD_US after the last one, or SUMMARY_SHARE times what that one took of a
 * core, if that is longer: it never takes more than a fiftieth of a core. While nothing was counted
 * yet, the next turn tries again: a new installation sees its first figures at once. Observers'
 * days are counted SUMMARY_PERIOD_US behind the last time; where not all of it was known, which
 * takes that from the answers, too, SUMMARY_AGAIN_US behind it.
 * I1. Between two slices the thread rests as long as the last slice took: a request finds a core,
 *     and where cores are short it goes first (summary_step_back).
 * Threads: take from any; the thread has a reader of its own. Stop: a slice is interrupted; 50 ms.
 * Errors: NULL = no memory or no thread; a run that failed leaves the one before it in place.
 * Memory: while it runs 2 MB and what the tallies need, beside the newest summary. */
#pragma once

#include "cmd/server/summary/adverts.h"
#include "cmd/server/summary/observer_days.h"
#include "cmd/server/summary/reported_scopes.h"
#include "cmd/server/summary/run_figures.h"
#include "cmd/server/summary/summary.h"
#include "cmd/server/summary/summary_source.h"

#define SUMMARY_PERIOD_US (60 * (mono_us)US_PER_S)
#define SUMMARY_AGAIN_US  (10 * (mono_us)US_PER_S)
#define SUMMARY_SHARE     50

struct summary_job;

/* path is copied. */
NODISCARD struct summary_job *summary_job_start(const char *path);
/* Of another store; both borrowed. */
NODISCARD struct summary_job *summary_job_start_other(const struct summary_source *source,
                                                      const void *context);
void summary_job_stop(struct summary_job *job); /* accepts NULL */

/* The newest of each; NULL = there is none yet. Ownership: one unref. */
NODISCARD const struct summary *summary_job_take(struct summary_job *job);
NODISCARD const struct advert_set *summary_job_adverts(struct summary_job *job);
NODISCARD const struct reported_scopes *summary_job_scopes(struct summary_job *job);
NODISCARD const struct observer_days *summary_job_observers(struct summary_job *job);
/* What the runs over the receptions cost; one of which nothing came is none. */
void summary_job_figures(struct summary_job *job, struct run_figures *out);
