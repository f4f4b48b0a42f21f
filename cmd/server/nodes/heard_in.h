/* SPDX-License-Identifier: MIT
 *
 * heard_in - who is heard in a region: the nodes whose adverts one of its observers received in the
 * window of the summary, on whatever way.
 * Threads: that of the asking. Ownership: heard_in_done. Cost: a look at every pair of the tally,
 * 5 ms for 100,000. */
#pragma once

#include "cmd/server/model/regions.h"
#include "cmd/server/nodes/facts.h"

struct heard_in {
    int64_t *nodes; /* owned; nodes.id, ascending */
    size_t count;
};

/* facts: with a summary. False = no memory. */
NODISCARD bool heard_in_find(const struct facts *facts, const struct regions *regions,
                             struct heard_in *out);
void heard_in_done(struct heard_in *heard); /* accepts a zeroed one */
bool heard_in_has(const struct heard_in *heard, const struct node *node);
