/* SPDX-License-Identifier: MIT
 *
 * store_types - the table type_blocks: from a type to the packets that are of it (schema.h).
 *
 * I1. n is the number of transmissions of the type in the block: what comes is gathered in a batch
 *     and added by its commit, what leaves is taken away by a trigger.
 * Threads and errors as store.h. Memory: 0.3 MB. Cost: 40 ns a transmission, and one update for
 * each type and block of a batch. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

NODISCARD enum status store_types_open(struct store *store, struct err *err);
void store_types_close(struct store *store); /* accepts one that was never open */

NODISCARD enum status store_types_make_room(struct store *store); /* for one record */
void store_types_note(struct store *store, unsigned type, int64_t transmission_id);
NODISCARD enum status store_types_write(struct store *store);
void store_types_clear(struct store *store);
