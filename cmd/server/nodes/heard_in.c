/* SPDX-License-Identifier: MIT */
#include "cmd/server/nodes/heard_in.h"

#include "cmd/server/tally/tally_senders.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Whom nobody shall see hears nobody. */
static bool is_there(const struct facts *facts, const struct regions *regions, int64_t observer_id)
{
    const struct observer *observer = directory_observer(facts->directory, observer_id);
    return observer != NULL && !observer->is_hidden && regions_have(regions, observer_id);
}

bool heard_in_find(const struct facts *facts, const struct regions *regions, struct heard_in *out)
{
    const struct tally_senders *senders = summary_senders(facts->summary);
    const size_t all = tally_senders_count(senders);
    *out = (struct heard_in){.nodes = malloc((all + 1) * sizeof *out->nodes)};
    if (out->nodes == NULL)
        return false;
    for (size_t i = 0; i < all; i++) {
        const struct sender_heard *heard = tally_senders_at(senders, i);
        if (is_there(facts, regions, heard->observer_id))
            out->nodes[out->count++] = heard->node_id;
    }
    qsort(out->nodes, out->count, sizeof *out->nodes, compare);
    return true;
}

void heard_in_done(struct heard_in *heard)
{
    free(heard->nodes);
    *heard = (struct heard_in){0};
}

bool heard_in_has(const struct heard_in *heard, const struct node *node)
{
    return heard->count > 0 &&
           bsearch(&node->id, heard->nodes, heard->count, sizeof *heard->nodes, compare) != NULL;
}
