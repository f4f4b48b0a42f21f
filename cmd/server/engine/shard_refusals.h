/* SPDX-License-Identifier: MIT
 *
 * shard_refusals - what the ingestors did not store, as engine.h asks for it.
 *
 * Each ingestor's refusals are its own and lie on one shard (the ingestor's facts/fact_table.h says
 * what they come to): rows of several stand beside each other, by receipt; counts add up; and all
 * is known from when the last of them knows all. An ingestor that has never told is not missed.
 * I1. Of a place in an ingestor's ring the newest row counts, whether the older ones are merged
 *     away or not: those that fit are looked for first, and count when they are still the newest.
 * Threads: that of the asking. Errors: false = the question failed. Cost: of rows a look at three
 * columns of all ingestors' 10,000, some milliseconds each. */
#pragma once

#include "cmd/server/model/engine.h"

bool shard_refusals(struct asking *asking, const struct engine_refusals *wanted,
                    void (*each)(void *context, const struct engine_refusal *refusal),
                    void *context);
bool shard_refused(struct asking *asking, int64_t from_hour,
                   void (*each)(void *context, const struct engine_refused *refused), void *context,
                   bool *out_whole);
bool shard_refused_from(struct asking *asking, int64_t *out_ms);
