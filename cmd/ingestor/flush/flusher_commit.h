/* SPDX-License-Identifier: MIT
 *
 * flusher_commit - the flusher's transactions and its checkpoints.
 *
 * I1. A record's rows, the cursor behind it and what is counted with it are in the
 *     same transaction.
 * I2. IDLE before and after; after an error WRITING, perhaps: everything is thrown away
 *     then (flusher.h).
 * Threads: the flusher's main one. Errors: the store's, for the one recovery path. */
#pragma once

#include "cmd/ingestor/flush/flusher_state.h"

/* IDLE. Take what all rings hold, at most maxRows of them, in one transaction: maxRows / rings of
 * each, then of those that hold more what room is left. */
NODISCARD enum status flusher_commit_batch(struct flusher *f);
/* Batches of known messages are deferred (batch_policy.h), and may still be so at `now`. */
bool flusher_is_deferring(const struct flusher *f, mono_us now);
/* IDLE. A transaction without messages, durable: for what NORMAL commits left to the page cache,
 * and for cursors that moved without a message (gaps, a first attach). */
NODISCARD enum status flusher_commit_empty(struct flusher *f);
/* As long as the store is open. What was asked for is waited for. */
void flusher_sync_start(struct flusher *f);
void flusher_sync_stop(struct flusher *f);
/* IDLE. What NORMAL commits left to the page cache is made durable by a thread beside us: see
 * whether it is, and ask for it when it is due. Nothing where there is no such thread. */
NODISCARD enum status flusher_sync_beside(struct flusher *f);
/* IDLE. A PASSIVE checkpoint when the WAL is long enough for it; waiting = records
 * not yet taken. */
NODISCARD enum status flusher_checkpoint_if_due(struct flusher *f, uint64_t waiting);
