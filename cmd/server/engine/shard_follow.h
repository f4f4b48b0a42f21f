/* SPDX-License-Identifier: MIT
 *
 * shard_follow - receptions as they arrive (engine.h, follow), out of the facts obs.
 *
 * Facts have no time of arrival. So each look reads what was received since the last one that the
 * shard answered, and ENGINE_LATE_MS before, and tells of what it has not told of yet.
 * I1. It remembers at least the last TOLD_MAX that it told of, by their ids.
 * I2. Lost is said (ENGINE_LOST) when more has come than is told of at once; when a shard that was
 *     away for FOLLOW_AWAY_US answers again, since what came there meanwhile may come later still;
 *     and, at most every FOLLOW_LATE_US, when rows have come that were received longer ago than it
 *     looks back: an ingestor's backlog.
 * I3. A packet of which not all rows are there yet is told of at a later look, and so is one of an
 *     observer that is not known yet, in its first seconds.
 * Limits: ingestors' clocks may differ by ENGINE_LATE_MS; a reception that is heard of later than
 * that is in the lists alone.
 * Threads: one. Errors: false, or the question's own. Cost: a request to each shard, of 33 bytes a
 * reception of the last half minute; three more when something has come. */
#pragma once

#include "cmd/server/model/engine.h"

#define FOLLOW_AWAY_US ((mono_us)5 * US_PER_S)
#define FOLLOW_LATE_US ((mono_us)60 * US_PER_S)

struct engine_follower *shard_follower_new(void);
void shard_follower_free(struct engine_follower *follower);
void shard_follow_anew(struct asking *asking, struct engine_follower *follower);
enum engine_follow shard_follow(struct asking *asking, struct engine_follower *follower,
                                size_t most, engine_arrived arrived, void *context);
bool shard_follow_back(struct asking *asking, struct engine_follower *follower, int64_t after_ms,
                       engine_arrived arrived, void *context);
void shard_followed(struct engine_follower *follower, bool is_answered);
