/* SPDX-License-Identifier: MIT
 *
 * flusher_apply - one record -> exactly one outcome, in the transaction in hand.
 *
 * Everything a message can be refused for by its content is decided here, in this order: envelope,
 * rules, frame, payload, database.
 * I1. A record consumed adds 1 to consumed and to one outcome; a gap adds its size to consumed and
 *     to dropped{gap}.
 * I2. A row that the database refuses costs itself only (savepoint). I3. A record with a strike is
 *     applied in a transaction of its own; after two it goes to dead_letter unread.
 * Threads: the flusher's main one. Errors: whatever is not this record's alone, for the one
 * recovery path. */
#pragma once

#include "cmd/ingestor/flush/flusher_state.h"

/* WRITING. Take from ring up to max records; *out_taken includes gaps. */
NODISCARD enum status flusher_apply_ring(struct flusher *f, struct flusher_ring *ring, uint64_t max,
                                         uint64_t *out_taken);
/* A row was refused, and whose it is nobody knows: for a while each record has a savepoint. False:
 * it has one already. */
bool flusher_begin_care(struct flusher *f);
