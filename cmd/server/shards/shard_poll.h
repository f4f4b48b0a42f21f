/* SPDX-License-Identifier: MIT
 *
 * shard_poll - what the poller (db_poller.h) asks in the place of the SQLite database: whether each
 * replica answers, how the ingestors are, and, as often as a fiftieth of the time allows, the
 * totals.
 *
 * I1. STATUS_OK while one shard at least answers; how many do not, and since when,
 *     stands beside it.
 * I2. With a shard away the totals are not known: a sum that lacks a part is wrong.
 * I3. What takes its time (totals, counts, sizes) is asked by a thread of its own: a poll takes a
 *     probe and a look at some rows, so that counting for long is no database that can't be read.
 * Threads: the poller's, and "weir-count". Stop: shards_interrupt before. Cost: a request a second
 * to each replica. */
#pragma once

#include "cmd/server/shards/shards.h"
#include "cmd/server/state/db_poller.h"

struct shard_poll;

/* ingestors: where those of ingestors.h are put; borrowed, as shards. NULL = no memory. */
NODISCARD struct shard_poll *shard_poll_new(struct shards *shards, struct shared_slot *ingestors);
void shard_poll_free(struct shard_poll *poll); /* accepts NULL */
/* db_poll, with a struct shard_poll */
enum status shard_poll(void *poll, struct db_state *state, struct err *err);
