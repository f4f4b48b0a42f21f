/* SPDX-License-Identifier: MIT
 *
 * stretches - between which ids what was received since a moment lies, by the table hours
 * (schema.h). Other times lie in between, so the moment itself is still to be compared. A wide row,
 * which a migration leaves for a minute or so, makes a stretch of all there is: who walks one needs
 * a budget.
 * Threads: that of the reader. Errors: as reader.h. Cost: 3 us, and a row an hour. */
#pragma once

#include "common/base/base.h"

#define STRETCHES_MAX 64

struct reader;

struct stretch {
    int64_t first, last; /* observations.id, both included */
};

/* The newest first; no id is in two of them. SIZE_MAX = more than there is room for, or the
 * question failed. */
size_t stretches_since(struct reader *reader, int64_t from_ms,
                       struct stretch out[static STRETCHES_MAX]);
/* No packet that was first received from from_ms on has a smaller transmissions.id; -1 = none was
 * received, or the question failed. */
int64_t stretches_first_packet(struct reader *reader, int64_t from_ms);
