/* SPDX-License-Identifier: MIT
 *
 * store_derive - what one reception and one first copy are worth in rollups and neighbor_edges
 * (schema.h and schema.c say what is counted), and the writing of what a batch gathered. The only
 * place that knows: packets as they come and store_rebuild both go through here.
 *
 * I1. A record adds at most STORE_RECEPTIONS receptions and STORE_ORIGINS first copies, for which
 *     store_derive_make_room made room.
 * I2. An edge whose count falls to 0 keeps its row: its times tell of copies that arrived, and they
 *     must not depend on whether the edge was gone for a moment. neighbor_edges_v does not show it;
 *     a rebuild removes it, and so does retention with the packet.
 * Threads and errors as store.h. Memory: 3 MB. */
#pragma once

#include "cmd/ingestor/store/store_core.h"
#include "common/db/schema.h"

NODISCARD enum status store_derive_open(struct store *store, struct err *err);
void store_derive_close(struct store *store); /* accepts one that was never open */

NODISCARD enum status store_derive_make_room(struct store *store);
void store_derive_reception(struct store *store, const struct store_reception *reception);
/* Of those rollups only that look at SNR and RSSI. */
void store_derive_rf(struct store *store, const struct store_reception *reception);
void store_derive_origin(struct store *store, const struct store_origin *origin);
NODISCARD enum status store_derive_write(struct store *store);
void store_derive_clear(struct store *store);
/* Rollups of earlier hours stay as they are; 0 = all count. For a rebuild. */
void store_derive_from(struct store *store, int64_t hour);

/* What is counted late (schema.h), as deltas of rollups and of edges for which there is room; where
 * is_counted and has_edges say so, store_derive_reception and _origin do it, too. */
#define STORE_LATE_ROLLUPS (ROLLUP_KINDS + MESHCORE_PATH_MAX)
#define STORE_LATE_EDGES   MESHCORE_PATH_MAX
void store_derive_late_reception(const struct store *store, struct deltas *into,
                                 const struct store_reception *reception);
void store_derive_late_origin(const struct store *store, struct deltas *into,
                              const struct store_origin *origin);
void store_derive_edges(struct deltas *into, const struct store_reception *reception, int sign);
NODISCARD enum status store_derive_write_rollup(struct store *store, const struct delta *row);
NODISCARD enum status store_derive_write_edge(struct store *store, const struct delta *row);

/* A stored row: of the columns id, observer_id, direction, path_size, path, receipt_ms, snr, rssi,
 * route, scope_code, scope_id, in this order. What its transmission says: type, sender (0 = none).
 * sign is 0. Returns its id. */
int64_t store_reception_read(const struct statement *row, uint8_t type, int64_t sender,
                             struct store_reception *out);
/* False: the sizes were changed by hand. Of an empty path it is true. */
bool store_has_whole_hops(const struct store_reception *reception);

/* An edge of neighbor_edges: from a hop to the next, or from the last to the observer, who then
 * stands in observer_id (else 0) and `to` is 0. Hops are packed. */
struct store_edge {
    uint32_t from, to;
    int64_t observer_id;
};
/* The edges that a heard path runs along, each once; none where the sizes were changed by hand.
 * They count where meshcore_has_hops. */
size_t store_edges_of(const struct store_reception *reception,
                      struct store_edge out[static MESHCORE_PATH_MAX]);
/* As parameters 1 to 3; bytes lives until the statement has run. */
void store_bind_edge(struct statement *statement, const struct store_edge *edge,
                     uint8_t bytes[static 6]);
