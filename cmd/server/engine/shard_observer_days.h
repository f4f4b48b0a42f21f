/* SPDX-License-Identifier: MIT
 *
 * shard_observer_days - the store in shards as what observers' days are counted from
 * (summary_source.h, observer_days.h): receptions by hourly sums (shard_sums.h); clocks by
 * the ingestors' counts, of which the greatest is an hour's (their facts/fact_table.h says why).
 * Threads: the job's. Errors: what was not counted whole is not known. Cost: four questions. */
#pragma once

#include "cmd/server/summary/observer_days.h"

void shard_observer_days(const void *context, struct observer_days *to);
