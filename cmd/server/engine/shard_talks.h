/* SPDX-License-Identifier: MIT
 *
 * shard_talks - what was said in channels over some days, of a store in shards. See model/engine.h.
 * Threads: that of the asking. Errors: false = the question failed. Cost: the messages of the
 * window; with observers their receptions of it, too. */
#pragma once

#include "cmd/server/model/engine.h"

bool shard_talks(struct asking *asking, const struct engine_talks *wanted,
                 void (*each)(void *context, const struct engine_talk *talk), void *context);
