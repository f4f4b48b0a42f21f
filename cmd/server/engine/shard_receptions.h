/* SPDX-License-Identifier: MIT
 *
 * shard_receptions - receptions of a store in shards by themselves, the newest first: of one
 * observer or of all, and what they say of observers' clocks. See model/engine.h.
 *
 * It goes back from the newest hour in steps that grow eightfold, as long as that gives too few, so
 * what is asked for costs what lies near. A reception stands where its earliest copy does, of those
 * up to an hour before the step.
 * Threads: that of the asking. Errors: false = the question failed. */
#pragma once

#include "cmd/server/model/engine.h"

bool shard_receptions(struct asking *asking, const struct engine_receptions *wanted,
                      void (*each)(void *context, const struct engine_reception *reception),
                      void *context);
bool shard_clocks(struct asking *asking, size_t max,
                  void (*each)(void *context, int64_t observer_id, int64_t ahead_ms),
                  void *context);
