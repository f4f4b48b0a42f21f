/* SPDX-License-Identifier: MIT
 *
 * export_count - how many different keys a table has in the store, over all shards.
 *
 * Counted partition by partition, so that the server's memory does not grow with history; a key
 * lies in one partition. Threads: one. Cost: a read of the key's columns. */
#pragma once

#include "cmd/ingestor/cluster/cluster.h"
#include "cmd/ingestor/facts/fact_table.h"

/* at_least: where a replica that was asked has not yet copied so many from its sisters, it is given
 * some time. */
NODISCARD enum status export_count(struct cluster *cluster, const struct fact_table *table,
                                   uint64_t at_least, uint64_t *out, struct err *err);
