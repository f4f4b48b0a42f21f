/* SPDX-License-Identifier: MIT
 *
 * flusher_rings - the rings of the spool folder, as the flusher sees them: which there are, in
 * which order they are read, what is free, what is deleted.
 *
 * Every ring there is read, configured or not. Of a chain (a ring and the ones that took over from
 * it) only the oldest is active, so that order is kept.
 * I1. Space is freed up to a cursor that a FULL commit covers, never further.
 * I2. A ring's file is deleted only when all of it is durable and nobody can write to it any more,
 *     and only while its name leads to the file that was read (else: flusher_lost).
 * I3. A file that is no ring, or a copy of one, is moved aside here and nowhere else (but for what
 *     stands in the way of a writer that puts its own ring back), and what waited in it is said,
 *     warned of and counted (flusher_lost). A sound ring under a wrong name is put right instead
 *     (ring_standing.h), or waits for its receiver to do so.
 * Threads: the flusher's main one. Errors: the store's, for the one recovery path (flusher.h); a
 * ring that can't be opened, and a folder that can't be listed, is logged and tried again, and
 * holds up no other source (ring_troubles.h). */
#pragma once

#include "cmd/ingestor/flush/flusher_state.h"

/* OPENING, IDLE. Attach what is new in spoolDir, activate the oldest of each chain,
 * read its cursor. */
NODISCARD enum status flusher_rings_attach(struct flusher *f);
/* Any state. Forget all rings (their mappings too). */
void flusher_rings_close(struct flusher *f);
/* IDLE. For flusher_lost: nothing is left to read, and all of it is durable; the receiver's last
 * word goes to the chain's ledger row; the ring is forgotten, not its file. */
bool flusher_rings_is_finished(const struct flusher_ring *ring);
NODISCARD enum status flusher_rings_close_chain(struct flusher *f, const struct flusher_ring *ring);
void flusher_rings_detach(struct flusher *f, size_t index);
/* Any state. Records published and not yet taken from active rings. */
uint64_t flusher_rings_waiting(const struct flusher *f);
/* Any state. A cursor has moved since the last commit. */
bool flusher_rings_have_changed(const struct flusher *f);
/* WRITING. Write the changed cursors into the transaction in hand. */
NODISCARD enum status flusher_rings_save(struct flusher *f);
/* WRITING. The transaction is committed; durable = it was a FULL one, so space may be freed. */
void flusher_rings_committed(struct flusher *f, bool durable);
/* IDLE. A sync of what is committed begins; it has ended well, so space may be freed. */
void flusher_rings_sync_asked(struct flusher *f);
void flusher_rings_synced(struct flusher *f);
/* IDLE. Delete rings that are sealed or orphaned, empty and durable. *out_deleted: look
 * for successors. */
NODISCARD enum status flusher_rings_retire(struct flusher *f, bool *out_deleted);
