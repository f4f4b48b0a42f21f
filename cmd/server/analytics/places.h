/* SPDX-License-Identifier: MIT
 *
 * places - whom a query's `region` and `area` mean.
 *
 * Observers (what they received counts): those of the regions (model/regions.h), and of these the
 * ones with a position in the area: that of the node whose key is the observer's.
 * Nodes (what is said of nodes themselves): those whose adverts an observer of the regions received
 * within 24 hours, and of these the ones with a position in the area.
 * Without a filter: everybody. An area that is not configured is none. Whom nobody shall see is
 * neither. Threads: that of the turn. Ownership: places_done. */
#pragma once

#include "cmd/server/analytics/analysis.h"

struct places {
    bool is_any; /* no filter at all */
    const struct directory *directory;
    bool *has; /* owned; of the directory's observers, in their order */
};

/* False = no memory; places_done all the same. */
NODISCARD bool places_read(struct places *places, const struct analytics_turn *turn);
void places_done(struct places *places);
/* Do receptions of this observer count? */
bool places_have(const struct places *places, int64_t observer_id);
/* The ids of those whose do, in the directory's order; free() it. NULL = no memory. */
NODISCARD int64_t *places_observers(const struct places *places, size_t *out_count);

/* In the order of their ids; free() it. NULL = no memory, or a region and no summary yet. */
NODISCARD const struct node **places_nodes(const struct analytics_turn *turn, size_t *out_count);
