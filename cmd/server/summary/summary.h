/* SPDX-License-Identifier: MIT
 *
 * summary - what one run over the receptions of the last 24 hours has counted: all tallies of
 * tally.h over one window, unchanged from then on.
 *
 * I1. Every answer made from a summary carries its window, and says whether it is complete: the
 *     window was not cut by SUMMARY_ROWS_MAX or by retention (then it begins where the counting
 *     does), and no tally that it was made from by its bounds.
 * Threads: begin, add and end in one thread; everything else from any, afterwards. Errors: NULL =
 * no memory. Ownership: begin gives one reference, each is one unref. */
#pragma once

#include "common/base/shared.h"
#include "cmd/server/tally/tally.h"
#include "common/base/clock.h"

#define SUMMARY_WINDOW_MS MS_PER_DAY
#define SUMMARY_ROWS_MAX  1000000 /* the newest observations */

/* Begins with its struct shared. */
struct summary;

struct summary_window {
    int64_t from_ms, to_ms;
    int64_t origin_ms;    /* what a tally's moments count from: at or before from_ms */
    int64_t observations; /* heard ones, that were counted */
    bool is_complete;
};

NODISCARD struct summary *summary_begin(const struct tally_window *window);
/* From the newest to the oldest; what lies outside the window, or was sent by the observer itself,
 * is passed over. */
void summary_add(struct summary *summary, const struct reception *reception);
/* Why the 24 hours are not all there. */
enum summary_cut { SUMMARY_WHOLE, SUMMARY_CUT_ROWS, SUMMARY_CUT_RETENTION };
/* number: of the run, from 1. */
void summary_end(struct summary *summary, uint64_t number, enum summary_cut cut);

/* For the slot that it is put into. */
struct shared *summary_shared(struct summary *summary);
/* The newest, with a reference; NULL = no run has ended yet. */
const struct summary *summary_take(struct shared_slot *slot);
void summary_unref(const struct summary *summary); /* accepts NULL */

uint64_t summary_number(const struct summary *summary);
size_t summary_bytes(const struct summary *summary); /* of memory */
#define SUMMARY_BOUNDS_MAX 96
/* What cut it: "rows" or "retention", and the tallies that had no more room. False = nothing. */
bool summary_cut_by(const struct summary *summary, char out[static SUMMARY_BOUNDS_MAX]);
/* Of an answer made from these tallies: bits 1 << enum tally_number. */
struct summary_window summary_window(const struct summary *summary, unsigned tallies);
/* For the typed views below. */
const void *summary_tally(const struct summary *summary, enum tally_number number);

#define X(name)                                                                                    \
    static inline const struct tally_##name *summary_##name(const struct summary *summary)         \
    {                                                                                              \
        return summary_tally(summary, TALLY_##name);                                               \
    }
TALLY_LIST(X)
#undef X
