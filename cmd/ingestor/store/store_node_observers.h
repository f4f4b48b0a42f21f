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
/* Gathered: of each pair so many deltas, id the node and part the observer times STORE_HEARD_PARTS
 * + which of them; count and transmissions hold how many and their sum. Room for them is there. The
 * writing takes them sorted; a pair may be cut in two. */
enum store_heard_part { HEARD_HOPS, HEARD_SNR, HEARD_RSSI, STORE_HEARD_PARTS };
void store_node_observers_gather(struct deltas *into, const struct store_reception *reception);
NODISCARD enum status store_node_observers_write(struct store *store, const struct delta *rows,
                                                 size_t count);
/* Some rows of a node that leaves; *out_rows 0: it has none left. */
NODISCARD enum status store_node_observers_purge(struct store *store, int64_t node_id,
                                                 struct store_slice *slice, int64_t *out_rows);
