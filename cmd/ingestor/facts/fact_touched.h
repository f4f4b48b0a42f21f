/* SPDX-License-Identifier: MIT
 *
 * fact_touched - which rows of the SQLite file changed, so that they are sent as they are now: by
 * fact_source's statements, the very ones of an export.
 *
 * Why by triggers: each statement that writes such a row, and each that will, is seen without a
 * word of its own, and a row that is taken back with its record takes its mark with it. They are
 * the connection's own (TEMP), in memory: another program finds none in the file.
 *
 * I1. What a transaction touched is in a batch in the same transaction, but for observers and
 *     nodes, whose rows change with each message: they go every FACT_TOUCHED_US.
 * I2. The marks of those are lost with the connection: hence all observers and nodes go once after
 *     it was opened, in slices of FACT_TOUCHED_ROWS a batch. Sending one twice changes no answer.
 * Threads and errors: the connection's. */
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
/* It may be that a batch without messages is due. */
bool fact_touched_is_due(const struct fact_touched *touched, mono_us now);
