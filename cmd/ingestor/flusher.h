/* SPDX-License-Identifier: MIT
 *
 * flusher - the only process that opens the database for writing: takes messages from every ring, decodes,
 * applies, and commits rows and ring cursors in ONE transaction. Single-threaded, no lock.
 *
 * (The rules in full stand in flusher.c.) */
#pragma once

#include "cmd/ingestor/control_block.h"
#include "common/config.h"

/* The body of the child process, after fork; never returns. Exit codes: 0 drained; 74 the database can't be
 * opened; 75 lock; 78 the database is newer than this program; 70 a bug. */
NORETURN void flusher_run(const struct config *config, struct control_block *cb, struct worker_slot *slot);
