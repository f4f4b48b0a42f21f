/* SPDX-License-Identifier: MIT
 *
 * last_hour - how many receptions of the last hour are whose.
 *
 * What is counted: rows of observations whose receipt lies within the last 3,600 seconds, what an
 * observer sent itself among them, as /api/stats counts. Exact: rollups know whole hours only. The
 * table hours says where those rows lie; what lies between them is looked at and passed over.
 * Threads: that of the asking. Errors: false = not within LAST_HOUR_ROWS, or not before the
 * question is late (asking.h). Cost: 0.1 us a row. */
#pragma once

#include "cmd/server/model/asking.h"

#define LAST_HOUR_ROWS 500000

/* counts: one for each of the directory's observers, in their order. */
NODISCARD bool last_hour_count(struct asking *asking, const struct directory *directory,
                               int64_t *counts);
/* Of one; DIRECTORY_UNKNOWN = not within the budget. */
int64_t last_hour_of(struct asking *asking, int64_t observer_id);
