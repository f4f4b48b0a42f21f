/* SPDX-License-Identifier: MIT
 *
 * times - from moments to ids, by the table hours (schema.h): which stretch of ids holds what was
 * received then. Other times lie in between, so the moments themselves are still to be compared.
 * Threads: that of the reader. Errors: as reader.h. Cost: 3 us a look-up, for old moments a row an
 * hour. */
#pragma once

#include "cmd/server/packets/source.h"

/* Packets whose first receipt, or receptions whose receipt, lies after since and before until
 * (INT64_MIN, INT64_MAX: open). Of receptions an hour more: repeats come later than what they
 * repeat. Empty (low above high) when there is none. */
struct id_range times_range(struct reader *reader, bool of_receptions, int64_t since_ms,
                            int64_t until_ms);
