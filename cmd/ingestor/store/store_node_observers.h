/* SPDX-License-Identifier: MIT
 *
 * store_node_observers - the table node_observers: how often, and how well, each observer heard a
 * node's adverts (schema.h). Kept so that the health of a node costs one row an observer, not one
 * an advert: a node that adverts every minute has half a million of them in a year.
 *
 * I1. A row is what adding its receptions one by one makes, but for last_ms: a maximum can't be
 *     taken back. It is right all the same, because the oldest leave first; only a copy of an
 *     earlier hour that comes behind the count leaves it at the later receipt, which was one, too.
 * I2. Sums are whole numbers, so that taking away leaves nothing.
 * Called by store_late, which knows what has been counted, and by store_retention. Threads and
 * errors as store.h. Cost: 2 us. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

NODISCARD enum status store_node_observers_open(struct store *store, struct err *err);

/* sign 1: it came, -1: it goes. Nothing where it is no reception of a node's advert. */
NODISCARD enum status store_node_observers_add(struct store *store,
                                               const struct store_reception *reception, int sign);
/* Some rows of a node that leaves; *out_rows 0: it has none left. */
NODISCARD enum status store_node_observers_purge(struct store *store, int64_t node_id,
                                                 struct store_slice *slice, int64_t *out_rows);
