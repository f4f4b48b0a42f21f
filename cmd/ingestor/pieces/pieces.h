/* SPDX-License-Identifier: MIT
 *
 * pieces - deltas that were counted and have not reached their tables yet, in a table of their own.
 *
 * Why: what is counted behind the messages changes a row for most of what it looks at, all over
 * the tables. The more is gathered before it is written, the fewer rows and pages there are to
 * write, but one transaction must stay short. So all that was gathered goes into this table at
 * once, packed to ten bytes a row and in the order of its keys, with how far it was counted; from
 * here a piece a transaction, or several, goes to the tables.
 * I1. All pieces are of one gathering, and carry the same position; they are put in one
 *     transaction.
 * I2. A piece leaves in the transaction that writes its rows: a kill neither writes one twice nor
 *     leaves one out.
 * Threads and errors as the store; inside its transaction. A piece that can't be read is
 * STATUS_CORRUPT. Cost: putting 0.1 us a row; 30 pages of the log for 10,000 rows. */
#pragma once

#include "cmd/ingestor/memory/deltas.h"
#include "common/db/statement.h"

/* So many rows a piece: about a millisecond to write. */
#define PIECES_ROWS 256

struct pieces;

/* Up to which rows it was counted. */
struct pieces_position {
    int64_t observation, transmission;
};

/* NULL: *err says why. Lives as long as the connection. */
NODISCARD struct pieces *pieces_open(struct connection *connection, struct err *err);
/* STATUS_NOT_FOUND: there is none. */
NODISCARD enum status pieces_look(struct pieces *pieces, struct pieces_position *out);
/* Sorted rows, in as many pieces as they need. kind: the caller's own, from 0. */
NODISCARD enum status pieces_put(struct pieces *pieces, int kind, const struct delta *rows,
                                 size_t count, const struct pieces_position *position);
/* Takes the first one out: its rows are the caller's to write. Borrowed until the next call. */
struct piece {
    int kind;
    const struct delta *rows;
    size_t count;
};
NODISCARD enum status pieces_take(struct pieces *pieces, struct piece *out);
