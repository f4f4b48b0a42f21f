/* SPDX-License-Identifier: MIT
 *
 * store_upkeep - old facts leave a shard: whole partitions whose newest moment is past the
 * retention's days.
 *
 * I1. Only DROP PARTITION: it is done at once, costs nothing that grows with the rows, and may be
 *     repeated, which it is at every run, because a server that was killed behind it may have the
 *     rows again. Any number of ingestors may do it; the shortest days win.
 * I2. Nothing leaves by a clock alone: ours and the server's must agree within a day, and the
 *     earlier one counts.
 * Threads: one. Errors: said in the log; the next run tries again. Bounds: UPKEEP_DROPS a table and
 * run. */
#pragma once

#include "cmd/ingestor/cluster/cluster.h"
#include "cmd/ingestor/facts/fact_table.h"

#define UPKEEP_DROPS 64

/* go_on is asked between two questions: false = the program ends. */
void store_upkeep_run(struct cluster *cluster, size_t shard, size_t replica,
                      const struct config *config, bool (*go_on)(void *context), void *context);
