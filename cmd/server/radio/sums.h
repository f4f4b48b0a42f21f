/* SPDX-License-Identifier: MIT
 *
 * sums - the hourly and daily sums that the flusher keeps (rollups, common/db/schema.h), one key at
 * a time: with its key a kind costs what its window holds, without it all of history.
 * Threads: that of the reader. Errors: as its question's. Cost: 1 us a key, 0.3 us a row. */
#pragma once

#include "cmd/server/readers/reader.h"
#include "common/db/schema.h"

/* What is counted late is behind by no more, or it is not complete. */
#define SUMS_BEHIND_MAX 50000

struct sum {
    int64_t hour; /* its first one, of a daily sum */
    uint64_t observations, transmissions;
};

/* One key's sums from that hour on, in their order. NULL = the question failed. */
NODISCARD struct statement *sums_begin(struct reader *reader, enum rollup_kind kind, int64_t key,
                                       int64_t from_hour);
/* False: that was all. */
bool sums_next(struct statement *sums, struct sum *out);
/* Is what is counted late counted but for the last SUMS_BEHIND_MAX rows? Not so after an upgrade
 * that counts anew. */
bool sums_are_near(struct reader *reader);
