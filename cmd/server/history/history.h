/* SPDX-License-Identifier: MIT
 *
 * history - what gauges and rates were: each second for an hour, each ten seconds for a day, each
 * five minutes for thirty days; of each bucket the least, the most and the mean, so that a spike of
 * a second is still seen after a month.
 *
 * A level is a ring of rows, found by time alone: row `bucket % rows`, and the row says which
 * bucket it is. Seconds live in memory (a memfd); the two long levels in the file, when there is
 * one, so that they outlive the server.
 * I1. A row is whole or it is not there: it ends with a checksum of itself and its bucket. A write
 *     that a kill or a power loss has cut is a gap.
 * I2. What was not known is a gap (NaN), never a zero; so is the time in which nobody sampled.
 * I3. A file of other series, or that is none of ours, is begun anew; the reason is in *err.
 * I4. One server at a time has the file (flock); another one keeps its history in memory.
 * Threads: add by one; read by any. Lock: one, a leaf, around the bucket that is being filled.
 * Errors: one that the disk makes ends the writing, and history_fault says so; memory goes on.
 * Limits: HISTORY_SERIES_MAX series; 12 bytes a value, 64 MB with all of them. Cost: add 2 us, a
 * row of 40 series every 10 s 500 bytes of file; read one pread a row. */
#pragma once

#include "common/base/base.h"
#include "common/base/err.h"

#define HISTORY_SERIES_MAX 256
#define HISTORY_LEVELS     3

struct history;

struct history_level {
    int64_t step_s, rows;
};
extern const struct history_level history_levels[HISTORY_LEVELS];

struct history_value {
    float min, max, mean; /* NaN = not known */
};

/* names: unique; borrowed. path NULL = in memory. NULL = no memory. *err says why the file is not
 * used, or was begun anew (STATUS_OK otherwise). */
NODISCARD struct history *history_new(const char *const *names, size_t count, const char *path,
                                      struct err *err);
/* Writes what was gathered of the buckets that are not over. Accepts NULL. */
void history_free(struct history *history);
/* values[count], NaN = not known. A second once; one before the last is left out. */
void history_add(struct history *history, int64_t unix_s, const double *values);
/* False: the file can't be written any more. */
bool history_is_kept(const struct history *history);

/* The finest level that reaches back to `from` and makes at most `points_max` of the time. */
size_t history_choose(int64_t from_s, int64_t to_s, int64_t now_s, size_t points_max);
/* One row of a level, of the bucket that begins at unix_s (a multiple of its step): out[count].
 * False = there is none. */
NODISCARD bool history_read(struct history *history, size_t level, int64_t unix_s,
                            struct history_value *out);
