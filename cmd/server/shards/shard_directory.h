/* SPDX-License-Identifier: MIT
 *
 * shard_directory - the directory (directory.h) out of the facts nodes and observers.
 *
 * Each ingestor has a row of its own for each node and observer, whose pairs
 * (value, as of) only get
 * newer: of each pair the newest counts, and of equal ones the greater value, so that neither order
 * nor number of rows matters. How many packets an observer has received and adverts a node has sent
 * are the poller's counts (shard_counts.h), or not known.
 * Scopes are those of hashRegions and of the nodes' rows, numbered here.
 * Threads: that of the question. Errors: NULL. Ownership: the caller's. */
#pragma once

#include "cmd/server/model/directory.h"

struct directory *shard_directory_read(void *asking, const struct config *config);
