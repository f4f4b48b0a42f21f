/* SPDX-License-Identifier: MIT */
#include "cmd/server/model/hops.h"

#include "common/base/clock.h"

#include <stdlib.h>

/* May a hop of one byte that was heard at at_ms be this node? */
static bool was_about(const struct node *node, int64_t at_ms)
{
    return node->first_ms <= at_ms && node->advert_ms != DIRECTORY_NEVER &&
           node->advert_ms >= at_ms - 7 * MS_PER_DAY;
}

const struct node *hops_node(const struct directory *directory, const uint8_t *hop, size_t size,
                             int64_t at_ms)
{
    const struct node *const *first;
    const struct node *found = NULL;
    const size_t count = directory_prefix(directory, hop, size, &first);
    for (size_t i = 0; i < count; i++) {
        if (size == 1 && !was_about(first[i], at_ms))
            continue;
        if (found != NULL)
            return NULL;
        found = first[i];
    }
    return found != NULL && !found->is_hidden ? found : NULL;
}

static int compare_heard(const void *a, const void *b)
{
    const struct node *const *x = a;
    const struct node *const *y = b;
    return ((*x)->heard_ms < (*y)->heard_ms) - ((*x)->heard_ms > (*y)->heard_ms);
}

size_t hops_candidates(const struct directory *directory, const uint8_t *hop, size_t size,
                       const struct node *out[static HOPS_CANDIDATES_MAX])
{
    const struct node *const *first;
    size_t found = 0;
    const size_t count = directory_prefix(directory, hop, size, &first);
    for (size_t i = 0; i < count; i++) {
        if (first[i]->is_hidden)
            continue;
        if (found < HOPS_CANDIDATES_MAX)
            out[found] = first[i];
        found++;
    }
    qsort(out, min_size(found, HOPS_CANDIDATES_MAX), sizeof(const struct node *), compare_heard);
    return found;
}
