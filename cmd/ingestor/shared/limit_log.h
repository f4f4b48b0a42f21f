/* SPDX-License-Identifier: MIT
 *
 * limit_log - says that a limit is reached: at most one line per reason and second, at once with
 * the first message it costs.
 *
 * What a limit refuses is counted in the ledger; without a word an operator looks for observers or
 * nodes that were never let in. Drops have lines of their own (drop_log: a stall has an end). The
 * counts are the ledger's, so they are exact however seldom this is called.
 * Threads: the main loop of the process that decides on the outcome. Ownership: caller's memory. */
#pragma once

#include "common/base/clock.h"
#include "common/ring/ledger.h"

/* X(outcome); the option that sets the limit is that of its first refusal. */
#define LIMIT_LOG_LIST(X)                                                                          \
    X(FILTERED_RATE)                                                                               \
    X(FILTERED_MAX_NODES)                                                                          \
    X(FILTERED_MAX_OBSERVERS)                                                                      \
    X(FILTERED_NEW_OBSERVERS)                                                                      \
    X(REJECTED_TOO_LARGE)                                                                          \
    X(REJECTED_STORE)
enum limit_id {
#define X(outcome) LIMIT_##outcome,
    LIMIT_LOG_LIST(X)
#undef X
        LIMIT_COUNT
};

struct limit_log {
    uint64_t said[LIMIT_COUNT]; /* reported by the last line */
    mono_us said_at[LIMIT_COUNT];
};

/* outcomes: as they stand now; what came before was said by whoever ran before. */
void limit_log_init(struct limit_log *log, const uint64_t outcomes[static OUTCOME_COUNT]);
/* Pure: how many since the last line of this limit; 0 = no line is due. */
uint64_t limit_log_step(struct limit_log *log, enum limit_id limit, uint64_t count, mono_us now);
/* Each turn of the loop, at least once a second. */
void limit_log_turn(struct limit_log *log, const char *source,
                    const uint64_t outcomes[static OUTCOME_COUNT], mono_us now);
