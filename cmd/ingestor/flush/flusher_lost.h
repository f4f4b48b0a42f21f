/* SPDX-License-Identifier: MIT
 *
 * flusher_lost - rings whose files others deleted, replaced or cut short, and chains of which no
 * file is left.
 *
 * A mapping outlives its name: what an open ring holds is read on, whatever became of the file. Its
 * writer puts it back under its name (ring.h I6); then it is attached anew, with the cursor.
 * I1. A ring that has lost its name is let go only when nothing in it is left to read and nobody
 *     writes to it, or when its writer has put all of it back. A copy of it that somebody put there
 *     is not looked into before.
 * I2. A chain that has neither a file nor a word of its end is closed with what is known of it
 *     (the last commit, a receiver's last word, the head of a ring that was moved aside): an
 *     error line with its counts, the messages that it is known to have held more as
 *     dropped{gap}, and its row stays in the ledger.
 * Threads: the flusher's main one. Errors: the store's, for the one recovery path (flusher.h). */
#pragma once

#include "cmd/ingestor/flush/flusher_state.h"

/* IDLE. Look at the files of what is attached, and after a look into the folder at the chains of
 * the database: at most once a second unless `now_please`. *out_detached: look into
 * the folder again. */
NODISCARD enum status flusher_lost_look(struct flusher *f, bool now_please, bool *out_detached);
