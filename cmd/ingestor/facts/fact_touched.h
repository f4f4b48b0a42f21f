/* SPDX-License-Identifier: MIT
 *
 * fact_touched - which rows of the SQLite file changed, so that they are sent as they are now: by
 * fact_source's statements, the very ones of an export.
 *
 * SQLite itself tells of each row that is written (sqlite3_update_hook), so that each statement
 * that writes one, and each that will, is seen without a word of its own. Of tables without row
 * ids it tells nothing, nor of single columns: triggers of the connection's own (TEMP) do, at rates
 * that do not matter; of the others they would cost each advert 12 us. What is taken back with its
 * record, or its batch, stays marked, and is sent once more as it is.
 *
 * I1. What a transaction touched is in a batch in the same transaction, but for what fact_source
 *     calls slow (observers, nodes), whose rows change with each message: they go every
 *     FACT_TOUCHED_US.
 * I2. The marks of those are lost with the connection: hence all observers and nodes go once after
 *     it was opened, in slices of FACT_TOUCHED_ROWS a batch; and so do all refusals, which nothing
 *     else sends of a time without storeUrl. Sending one twice changes no answer.
 * Threads and errors: the connection's. Memory: 16 bytes a mark, twice that when the table grows;
 * as many as there are observers, nodes and, at a start, refusals. */
#pragma once

#include "cmd/ingestor/facts/fact_batch.h"
#include "common/base/clock.h"
#include "common/db/statement.h"

#define FACT_TOUCHED_US   (10 * (mono_us)US_PER_S)
#define FACT_TOUCHED_ROWS 2000

struct fact_touched;

NODISCARD enum status fact_touched_open(struct connection *connection, struct fact_touched **out,
                                        struct err *err);
void fact_touched_close(struct fact_touched *touched); /* before the connection */
/* In a transaction. stamp_ms: of rows that have no time of their own. */
NODISCARD enum status fact_touched_take(struct fact_touched *touched, int64_t stamp_ms, mono_us now,
                                        struct fact_batch *batch);
/* What fact_touched_take has taken is committed. */
void fact_touched_committed(struct fact_touched *touched, mono_us now);
/* Slow rows that changed go with the next batch. */
void fact_touched_hurry(struct fact_touched *touched);
/* It may be that a batch without messages is due. */
bool fact_touched_is_due(const struct fact_touched *touched, mono_us now);
