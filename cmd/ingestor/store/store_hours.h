/* SPDX-License-Identifier: MIT
 *
 * store_hours - the table hours: from a time to the ids that were received then (schema.h says what
 * it promises a reader).
 *
 * Why: ids rise in the order of commit, not of receipt. A ring that is drained late, or an import,
 * puts old hours behind new ones; a bisection over ids would miss them.
 * I1. Every observation lies in a row of the hour of its receipt_ms; every transmission in one of
 *     the hour of its first_ms, whose observations hold the one that was first.
 * I2. Two rows of an hour lie more than HOURS_GAP ids apart, but for the wide ones of a migration.
 * I3. A row leaves when no observation with an id in it is left (store_retention), a wide one when
 *     the observations that it stands for have been looked at (store_late).
 * Threads and errors as store.h. Memory: 0.2 MB. Cost: 0.1 us a note; a look and an update for each
 * hour of a batch. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

NODISCARD enum status store_hours_open(struct store *store, struct err *err);
void store_hours_close(struct store *store); /* accepts one that was never open */

/* For one record, or one stored observation. */
NODISCARD enum status store_hours_make_room(struct store *store);
/* What was received then. transmission_id: that this observation was the first of; 0 = it was not,
 * or another one of this hour tells. */
void store_hours_note(struct store *store, int64_t receipt_ms, int64_t observation_id,
                      int64_t transmission_id);
NODISCARD enum status store_hours_write(struct store *store);
void store_hours_clear(struct store *store);

/* The last id of the wide rows (schema.h); 0 = there is none. */
NODISCARD enum status store_hours_wide_until(struct store *store, int64_t *out);
NODISCARD enum status store_hours_drop_wide(struct store *store);
