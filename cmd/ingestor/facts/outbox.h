/* SPDX-License-Identifier: MIT
 *
 * outbox - blocks of facts that wait in our own database until a server has acknowledged them, and
 * the counts of the messages that they hold.
 *
 * A batch's rows are gathered while its records are applied; the transaction that moves the rings'
 * cursors writes them as blocks, so a kill loses none and makes none twice. A block is made once:
 * its bytes, gzip already, its table and columns stand in its row, because limits and program may
 * have changed when it is sent. Blocks of one shard leave in the order of their ids.
 *
 * I1. The blocks of a batch, and by chain what became of its messages, stand there in one
 *     transaction. Deleting its last block deletes the batch's counts.
 * I2. outbox_pending of a chain is the sum over the batches that have a block left: what the ledger
 *     must not call committed yet.
 * I3. `epoch` is new with each opening and stands in the database: who acknowledges names it. A
 *     number of an older file, or of one that was put back, deletes nothing.
 * I4. What a record added is taken back with it (outbox_mark, outbox_undo), also what it taught
 *     about copies (outbox_keep).
 * Limits: `max_bytes` of blocks, then outbox_is_full: nothing more is taken from the rings; the
 * batch in hand may go beyond. Threads: the flusher's main one. Errors: as statement. Ownership:
 * borrows the connection. */
#pragma once

#include "cmd/ingestor/facts/fact_known.h"
#include "cmd/ingestor/facts/fact_touched.h"
#include "common/ring/ledger.h"
#include "common/ring/ring.h"

#define OUTBOX_SHARDS_MAX 64

struct outbox;

struct outbox_params {
    size_t shards;
    int64_t max_bytes;
};

/* Makes its tables where they are missing. */
NODISCARD enum status outbox_open(struct connection *connection, const struct outbox_params *params,
                                  struct outbox **out, struct err *err);
void outbox_close(struct outbox *outbox); /* NULL = nothing; before the connection */
/* Without an outbox: how many blocks of a former one still wait in this database. */
NODISCARD enum status outbox_left_over(struct connection *connection, int64_t *out,
                                       struct err *err);

/* --- a record --------------------------------------------------------------------------------- */

void outbox_mark(struct outbox *outbox);
void outbox_undo(struct outbox *outbox);
void outbox_keep(struct outbox *outbox);
/* Its rows, for fact_put_...; outbox_add ends one. */
struct fact_row *outbox_row(struct outbox *outbox, enum fact fact);
NODISCARD enum status outbox_add(struct outbox *outbox);
/* The number of an identity; id: of its row here, by which the last ones are remembered. */
uint64_t outbox_observer(struct outbox *outbox, int64_t id, const char *identity);
/* Sends the reception where it is news: OK, or EXISTS for a copy, whether it was worth a row or
 * not. */
NODISCARD enum status outbox_reception(struct outbox *outbox,
                                       const struct fact_reception *reception);

/* --- a transaction ---------------------------------------------------------------------------- */

/* Rows are gathered that are not written yet. */
bool outbox_has_rows(const struct outbox *outbox);
/* Changed rows of observers and nodes are worth a batch at once. */
void outbox_hurry(struct outbox *outbox);
/* A batch without messages is worth while: rows changed, or a server has acknowledged. */
bool outbox_is_due(const struct outbox *outbox, mono_us now);
bool outbox_is_full(const struct outbox *outbox);
/* What became of a chain's messages in this transaction. */
void outbox_note(struct outbox *outbox, const uint8_t chain[static RING_UUID_BYTES],
                 const struct flusher_tuple *before, const struct flusher_tuple *after);
/* Blocks up to this id of this epoch are acknowledged; some of them leave now, others with the
 * next transactions. */
NODISCARD enum status outbox_acknowledge(struct outbox *outbox, size_t shard, uint64_t epoch,
                                         int64_t id);
bool outbox_may_acknowledge(const struct outbox *outbox, size_t shard, uint64_t epoch, int64_t id);
/* The blocks, as the last thing before the commit. */
NODISCARD enum status outbox_write(struct outbox *outbox, int64_t now_ms);
void outbox_committed(struct outbox *outbox);
/* The transaction is rolled back, or over. */
void outbox_clear(struct outbox *outbox);
void outbox_forget(struct outbox *outbox); /* also what is known of copies */

/* --- figures ---------------------------------------------------------------------------------- */

struct outbox_figures {
    int64_t blocks, rows, bytes;
    int64_t oldest_ms; /* when it was made; 0 = there is none */
};
uint64_t outbox_epoch(const struct outbox *outbox);
NODISCARD enum status outbox_figures(struct outbox *outbox, size_t shard,
                                     struct outbox_figures *out);
/* I2; zeros where nothing of the chain waits. */
void outbox_pending(const struct outbox *outbox, const uint8_t chain[static RING_UUID_BYTES],
                    struct flusher_tuple *out);
size_t outbox_shards(const struct outbox *outbox); /* with blocks, or configured */
