/* SPDX-License-Identifier: MIT
 *
 * store_batch - a transaction as the store sees it: what its records gather, and the writing of it
 * at commit. The transactions themselves (store_begin to store_rollback_record) and store_forget
 * stand in store.h.
 *
 * I1. make_room, then one record, then merge: there is room for whatever a record adds.
 * I2. Nothing of a batch is in the database before store_batch_write, but where room was made on
 *     the way; it is all in the same transaction.
 * Threads and errors as store.h. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

NODISCARD enum status store_batch_open(struct store *store, struct err *err);
void store_batch_close(struct store *store); /* accepts one that was never open */

/* Writes out what is full. */
NODISCARD enum status store_batch_make_room(struct store *store);
/* The record's effects on memory; the record is empty then. */
void store_batch_merge(struct store *store);
NODISCARD enum status store_batch_write(struct store *store);
/* The batch is over: nothing of it is pending. */
void store_batch_clear(struct store *store);
