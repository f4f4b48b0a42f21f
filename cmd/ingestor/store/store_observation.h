/* SPDX-License-Identifier: MIT
 *
 * store_observation - the rows of observations: who heard a transmission on which way.
 *
 * I1. A copy leaves the row that all copies in any order would: of two values the one with the
 *     smaller (receipt of its copy, value) stays, nulls are filled.
 * I2. The record learns what rollups and edges must be told: a new row, a copy's times, or an old
 *     and a new row.
 * Threads and errors as store.h; inside a record. Cost: one insert, and of a known transmission a
 * look before it. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

NODISCARD enum status store_observation_open(struct store *store, struct err *err);

/* What a packet's observation says beyond its frame. */
struct store_observed {
    int64_t transmission_id, observer_id, source_id;
    int64_t node_id;    /* the advert's sender, 0 = none */
    int32_t scope_code; /* STORE_NO_SCOPE = not scoped */
    int64_t scope_id;   /* 0 = no region fits */
    bool is_first;      /* the transmission was new: it has none yet */
};
/* Insert the row or merge the copy into it. STATUS_EXISTS: it was a copy. */
NODISCARD enum status store_observation(struct store *store, const struct store_packet *packet,
                                        const struct store_observed *observed);
