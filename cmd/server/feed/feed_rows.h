/* SPDX-License-Identifier: MIT
 *
 * feed_rows - observations out of the database, as events of a batch (live_batch.h).
 *
 * Threads: that of the asking. Errors: as reader.h: until the question has ended well nothing read
 * is an answer. Limits: what a batch holds; the rest comes with the next question.
 * Cost: 15 us an observation, of which a third is SQL. */
#pragma once

#include "cmd/server/live/live_batch.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/model/engine.h"

struct feed_bounds {
    int64_t oldest, newest; /* ids of observations; both 0 = there are none */
    int64_t created_ms;     /* tells one database from another */
};

struct feed_bounds feed_rows_bounds(struct reader *reader);
/* One of them, under this id in the feed. False = the batch is full. */
bool feed_rows_add(struct asking *asking, const struct engine_arrival *arrival, int64_t id,
                   struct live_batch *batch);
/* Those behind batch->to, up to what the batch holds. */
void feed_rows_newer(struct asking *asking, struct live_batch *batch);
/* Those above `floor` up to batch->to, newest first. True = these were all. */
bool feed_rows_older(struct asking *asking, int64_t floor, struct live_batch *batch);
