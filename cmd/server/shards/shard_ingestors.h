/* SPDX-License-Identifier: MIT
 *
 * shard_ingestors - how the ingestors are (ingestors.h), out of their rows on shard 0.
 *
 * Threads: one, the poller's. Errors: a look that fails leaves what was read before, which then is
 * too old to be said (ingestors_are_known). Cost: one request, of some 30 KB for each of them. */
#pragma once

#include "cmd/server/shards/shards.h"
#include "cmd/server/state/ingestors.h"

void shard_ingestors_look(struct shards *shards, struct shared_slot *slot);
