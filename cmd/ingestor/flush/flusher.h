/* SPDX-License-Identifier: MIT
 *
 * flusher - the only process that opens the database for writing: takes messages from every ring,
 * decodes, applies, and commits rows and ring cursors in ONE transaction. One thread does all that
 * and takes no lock, but to wake others that verify signatures ahead of it (verify/look_ahead).
 *
 *   flusher.c  the process: open, loop, one recovery path, drain
 *   below it   flusher_commit (transactions), flusher_apply (one record -> one outcome),
 *              flusher_rings (what is read, freed, deleted), flusher_publish (what the supervisor
 *              sees), all on flusher_state
 *
 * I1. A record's rows and the cursor behind it are in the same transaction.
 * I2. Ring space is freed only up to a cursor whose FULL commit returned STATUS_OK.
 * I3. One recovery path: after any error that is not a constraint, everything that came from the
 *     database is thrown away - the connection too - and the flusher starts as after kill -9:
 *     open, read the cursors, go on from there. There is no batch in memory to keep. The process
 *     itself stays.
 * I4. Each record consumed adds 1 to consumed and to one outcome; a gap adds its size to
 *     consumed and to dropped{gap}. So for a chain of rings, consumed - recovered = the number
 *     of the next record. */
#pragma once

#include "cmd/ingestor/shared/control_block.h"
#include "common/config/config.h"

/* The body of the child process, after fork; never returns. Exit codes: 0 ended in order; 71
 * no memory; 75 another process holds the database's lock; 78 the first database since
 * the program began is newer than it, or not Weir's. */
NORETURN void flusher_run(const struct config *config, struct control_block *cb,
                          struct worker_slot *slot);
