/* SPDX-License-Identifier: MIT
 *
 * store_meta - what the store keeps about itself: the row meta, the limits that its totals are held
 * against, and the rows of jobs.
 *
 * I1. Counts are pending until the batch is written, so that meta moves once per commit.
 * I2. Totals are read once per batch and only when something new knocks: a known
 *     packet pays nothing.
 * I3. The minutes of store_limit_observers are memory only: after a restart a flood may bring one
 *     minute's worth more.
 * Threads and errors as store.h. The jobs' calls stand in store.h. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

NODISCARD enum status store_meta_open(struct store *store, struct err *err);
/* What a batch counted; the minutes too are forgotten. */
void store_meta_forget(struct store *store);
void store_meta_clear(struct store *store);

/* --- counts ----------------------------------------------------------------------------------- */

/* Counts may be negative: rows leave. */
void store_meta_add(struct store *store, const struct store_counts *counts);
/* Nodes as they will be counted with this batch. */
NODISCARD enum status store_meta_nodes(struct store *store, int64_t *out);
/* The pending counts, and that there was a commit. */
NODISCARD enum status store_meta_write(struct store *store);

/* --- derived rows ----------------------------------------------------------------------------- */

/* Read by which program the rows were derived; a database without packets counts as derived
 * by this one. */
NODISCARD enum status store_meta_load_derived(struct store *store, struct err *err);
/* By which program (SCHEMA_DERIVED); 0 = none yet. */
int64_t store_meta_derived(const struct store *store);
/* A rebuild is committed. */
void store_meta_set_derived(struct store *store);

/* --- limits ----------------------------------------------------------------------------------- */

/* May one more enter? OUTCOME_NONE, or the outcome that says no. */
NODISCARD enum status store_limit_nodes(struct store *store, enum outcome *out);
NODISCARD enum status store_limit_observers(struct store *store, int64_t receipt_ms,
                                            enum outcome *out);
/* The record's new observer has come in. */
void store_limit_note_observer(struct store *store, const struct store_record *record);
/* A name as it is shown: utf8_clean, at most max_name_bytes, cut at a character.
 * Returns the length. */
size_t store_clean_name(const struct store *store, char dst[static STORE_IDENTITY_MAX],
                        const uint8_t *src, size_t len);
