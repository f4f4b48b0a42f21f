/* SPDX-License-Identifier: MIT
 *
 * window_rows - the stored receptions, from the newest to the oldest, in slices.
 *
 * A slice is one question of the reader (a transaction of 3 to 6 ms), so that the writer's log is
 * held back by no more, and requests get the cores in between.
 * Threads: the one of the reader. Errors: a slice that failed ends the run. Ownership: a row's path
 * is borrowed until the next one. */
#pragma once

#include "cmd/server/readers/reader.h"
#include "cmd/server/tally/reception.h"

#define WINDOW_SLICE_ROWS 20000

/* What is still to be read: below `before`, down to `low`: ids of ours, another store's moments. */
struct window_rows {
    int64_t before, low;
    int64_t left;         /* of another store: so many rows more */
    bool is_cut;          /* the window goes further back than `low` */
    bool is_empty;        /* nothing is stored at all */
    int64_t kept_from_ms; /* of the packets before retention has let some go */
};

typedef void (*window_row)(void *context, const struct reception *reception);

/* Before this moment packets are missing: retention let them go, by age or by size; 0 = it never
 * did. In a question. */
int64_t window_kept_from(struct reader *reader);
/* The rows that may lie in the window that begins at from_ms, the newest rows_max of them.
 * STATUS_NOT_FOUND = there is no database yet. */
NODISCARD enum status window_rows_begin(struct reader *reader, int64_t from_ms, int64_t rows_max,
                                        struct window_rows *out);
/* Calls row for each of the next slice; *out_over: there are no more. */
NODISCARD enum status window_rows_slice(struct reader *reader, struct window_rows *rows,
                                        window_row row, void *context, bool *out_over);
