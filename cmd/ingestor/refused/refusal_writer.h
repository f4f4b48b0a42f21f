/* SPDX-License-Identifier: MIT
 *
 * refusal_writer - writes down what is not stored (refusals.h): who sent it and which packet it
 * was, as far as that is known, for the few that get a row.
 *
 * A message that is stored pays one comparison. What is asked of a refused one is asked while its
 * record is in flight, because it reads the same bytes again.
 * The receivers tell theirs through slots (refusal_slots.h). They are taken over with each batch
 * and, when there is none, once a second (REFUSAL_WRITER_US).
 * I1. All of memory that follows from the database is made anew by open, after each rollback.
 * Threads: the flusher's main one, and all but open and the two questions inside its transaction.
 * Errors: the store's, for the one recovery path. Ownership: caller's memory; borrows what
 * open is given. */
#pragma once

#include "cmd/ingestor/envelope/rules.h"
#include "cmd/ingestor/refused/refusals.h"
#include "cmd/ingestor/shared/control_block.h"

/* Of refusals alone, without a message to store, a transaction is made so often. */
#define REFUSAL_WRITER_US ((mono_us)US_PER_S)

struct refusal_writer {
    /* constant after open */
    struct refusals *refusals;
    const struct rules *rules;
    const struct control_block *cb;
    /* of the record in hand, if it is refused and may have a row; cause REFUSAL_NONE = none */
    struct refusal_facts facts;
    /* the receivers' slots: taken up to these counts, with the transaction in hand */
    uint64_t taken[WORKERS_MAX][REFUSALS_OF_RECEIVER];
    uint32_t generation; /* of the last look */
    mono_us looked_at;
};

/* From where to go on with the slots. */
NODISCARD enum status refusal_writer_open(struct refusal_writer *writer, struct refusals *refusals,
                                          const struct rules *rules,
                                          const struct control_block *cb);

struct refusal_message {
    const char *source;
    const struct config_source *config; /* NULL: not configured (any more) */
    const struct ring_message *message;
    const struct envelope *envelope; /* NULL: refused before it was one */
};
/* What it was, if this outcome is a refusal and it may have a row. */
void refusal_writer_describe(struct refusal_writer *writer, const struct refusal_message *of,
                             enum outcome outcome);
/* Outside of the record's savepoint: it is counted, and if it was described, it gets its row. */
NODISCARD enum status refusal_writer_note(struct refusal_writer *writer, enum outcome outcome);
/* So many messages of this source are lost; 0 = nothing. */
NODISCARD enum status refusal_writer_gap(struct refusal_writer *writer, const char *source,
                                         uint64_t records);
/* Before each commit: what stands in the slots. */
NODISCARD enum status refusal_writer_take(struct refusal_writer *writer);
/* Something stands in the slots; and so long that a transaction is worth it. */
bool refusal_writer_is_waiting(const struct refusal_writer *writer);
bool refusal_writer_is_due(const struct refusal_writer *writer);
