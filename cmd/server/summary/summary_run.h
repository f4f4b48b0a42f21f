/* SPDX-License-Identifier: MIT
 *
 * summary_run - one run over the receptions of the last 24 hours: their summary.
 *
 * In slices, each a question of its own; between two of them the thread rests as long as the last
 * one took, so that a request finds a core.
 * Threads: one; that of the reader, which answers nothing else meanwhile. Errors: NULL = no
 * database yet, no memory, or it was to stop; or nothing is stored (may_be_empty). */
#pragma once

#include "cmd/server/summary/summary.h"
#include "cmd/server/summary/summary_source.h"

struct summary_run {
    struct summary_from from;
    bool (*is_stopping)(void *context);
    /* Does what this observer received count? NULL = all does. */
    bool (*is_wanted)(void *context, int64_t observer_id);
    void *context;
    /* An empty database has a summary, too: of nothing. */
    bool may_be_empty;
};

/* Once, in a thread of the background: where cores are short, requests and the ingestor go first.
 * (Resting leaves a core free; it does not give it to somebody.) */
void summary_step_back(void);
/* Between two slices, as long as the last one took; in a thread that no signal reaches. */
void summary_rest(mono_us as_long);
/* number: summary_end. */
NODISCARD struct summary *summary_count(const struct summary_run *run, uint64_t number);
