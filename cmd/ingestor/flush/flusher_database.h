/* SPDX-License-Identifier: MIT
 *
 * flusher_database - which file the database is: before it is opened, while it is, and when
 * another one stands under its name.
 *
 * I1. Nothing is made or changed beside a file before it is known to be ours or absent.
 * I2. No ring space is freed by a commit into a file that has lost its name: names are compared
 *     before and after each durable commit, and once a second.
 *     So is the log's length: of one that was emptied nothing goes into the database any more.
 * I3. The log of a database that is gone is never left beside its successor: SQLite would apply
 *     it. What it holds goes into the file it belongs to first.
 * Threads: the flusher's main one. Errors: for the one recovery path (flusher.h). */
#pragma once

#include "cmd/ingestor/flush/flusher_state.h"
#include "common/base/err.h"

/* OPENING. Name the files, look at the one that is there, lock it, make the reserve. FOREIGN and
 * NEWER: nothing was touched. Ends the process (75) when another one holds the lock. */
NODISCARD enum status flusher_database_prepare(struct flusher *f, struct err *err);
/* OPENING. The store is open: note what is. */
NODISCARD enum status flusher_database_opened(struct flusher *f, struct err *err);
/* Any state with a store. STATUS_REPLACED, after a line of log, when a name leads elsewhere. */
NODISCARD enum status flusher_database_look(struct flusher *f);
/* The same, at most once a second. */
NODISCARD enum status flusher_database_watch(struct flusher *f);
/* IDLE -> WRITING. */
NODISCARD enum status flusher_database_begin(struct flusher *f, bool durable);
/* WRITING. A durable one is looked behind: what is freed then stands in no other place. */
NODISCARD enum status flusher_database_commit(struct flusher *f, bool durable);
/* After REPLACED: before the store is closed, and behind it (I3). */
void flusher_database_salvage(struct flusher *f);
void flusher_database_drop_log(struct flusher *f);
/* WAITING after REPLACED: whoever put another file there may still be copying. True when it has
 * not changed since the last call. */
bool flusher_database_is_still(struct flusher *f);
/* What of it can't be written, and whose it is, for the error's text; false: nothing. */
bool flusher_database_explain(const struct flusher *f, char *text, size_t cap);

/* --- packets that leave for another store ----------------------------------------------------- */

/* Without storeUrl each of these says what holds without an outbox, and does nothing. */
/* A batch is a block of each table and shard: so messages gather for storeBatchMs. */
void flusher_outbox_policy(struct flusher *f);
struct outbox_params flusher_outbox_params(const struct flusher *f);
/* Nothing more is to be taken from the rings. */
bool flusher_outbox_is_full(const struct flusher *f);
/* A transaction without messages is worth while. */
bool flusher_outbox_is_due(const struct flusher *f);
/* In a transaction: what senders have acknowledged leaves. */
NODISCARD enum status flusher_outbox_take(struct flusher *f);
/* What waits, by shard. */
void flusher_outbox_publish(struct flusher *f);
