/* SPDX-License-Identifier: MIT
 *
 * totals - how many packets pass a filter, where that is known without looking at them: all, and
 * those of a type or a time, by the rollups of whole hours and a count of the hours that are cut
 * (by the filter, or by retention).
 * Threads: that of the asking. Cost: 2 us; of a type or a time 1 us an hour and 0.1 us for each
 * packet of the hours that are cut. */
#pragma once

#include "cmd/server/packets/filter.h"

struct asking;

/* -1 = that would be dear. */
int64_t totals_of(struct asking *asking, const struct filter *filter);
