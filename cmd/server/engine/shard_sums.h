/* SPDX-License-Identifier: MIT
 *
 * shard_sums - hourly sums of a store in shards, as engine.h asks for them: those that the
 * ingestors have made, and what these lack, counted from the rows.
 *
 * A shard's day has sums of the hours that were over SETTLED_MS before the newest finished run
 * (store_sums.h, I2); what came to them later is counted by the next run. The hours behind them,
 * and days without sums, are counted from the rows by the same statement (sums_sql.h): the newest
 * FACT_ROWS_MAX rows of a shard at most. Where more is lacking, or a shard is missing, the sums are
 * not whole, and it is said.
 * Parts of hours (engine.h) are counted from the rows alone, as many as there are: the question's
 * time is their bound.
 * Threads: that of the asking. Errors: false = the question failed. Cost: a question for the days,
 * one for the sums, one for the rows (two where days in between lack theirs). */
#pragma once

#include "cmd/server/model/engine.h"

bool shard_sums(struct asking *asking, const struct engine_sums *wanted,
                void (*each)(void *context, const struct engine_sum *sum), void *context,
                bool *out_whole);
