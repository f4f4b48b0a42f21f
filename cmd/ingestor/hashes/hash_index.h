/* SPDX-License-Identifier: MIT
 *
 * hash_index - from a content's hash to its transmission, in tables that are written in sorted
 * pieces.
 *
 * Why: a hash is a random number. In one index over all of history each new packet changes a page
 * of its own, which is written twice, to the log and to the file: 8 KB for 17 bytes, and the whole
 * of what made ten million rows slower than none. Here a hash waits in memory for the end of its
 * transaction, enters the smallest of three tables, in sorted order, and moves on to the next
 * larger one with its neighbours, a piece of the range of hashes at a time, so that a page that is
 * changed takes many of them:
 *   hashes_new      about 16 thousand: few pages, which each batch changes
 *   hashes_recent   about 128 times the root of the number of transmissions: 300 thousand at five
 *                   million
 *   hash_prefixes   all older ones, four bytes of each: 13 bytes a row instead of 17
 *   hashes          those that were old before schema version 11; HASH_INDEX_FORMER of them follow
 *                   into hash_prefixes with each piece, until there are none
 * Measured with five million, bytes written per hash in batches of 1,500: one index 7,600, this
 * 1,100; one index per 16 thousand transmissions 130, but it is looked for in three hundred.
 * I1. A transmission's hash stands in at least one of the tables from the transaction that stores
 *     it until the transmission has left: a move is one transaction with what it moves. Inside that
 *     first transaction it may wait (hash_index_waits).
 * I2. Of several rows of one hash the one in the smaller table is the newer, and only it can have a
 *     transmission: schema.h's SCHEMA_IS_HASH finds that one. hash_prefixes has a row for each.
 * I3. A row may outlive its transmission, since a page of its own is too much for its end, too. It
 *     is true of nothing then (its id is never given out again, schema.c) and gives way to a new
 *     row of the same hash. A piece at a time, all rows older than the oldest transmission leave:
 *     of those that are there about a sixteenth is in vain.
 * I4. Nothing is remembered between transactions but hash_filter's bits, and how many rows came and
 *     left since the last piece and where that ended. These may be wrong or forgotten: tables are
 *     then a little larger.
 * Threads and errors as the store; inside its transaction. Cost: a hash one insert; a move
 * of HASH_INDEX_PIECE rows changes about 300 pages at five million transmissions; a row that left a
 * tenth of a page. */
#pragma once

#include "common/db/statement.h"

#define HASH_INDEX_BYTES 8
/* A piece is moved on for so many that came. */
#define HASH_INDEX_PIECE 1024
/* So many rows of the former table at once: a few milliseconds. */
#define HASH_INDEX_FORMER 4096
/* So many wait at most: 80 KB. */
#define HASH_INDEX_WAITING 4096

struct hash_index;

/* NULL: *err says why. Lives as long as the connection. */
NODISCARD struct hash_index *hash_index_open(struct connection *connection, struct err *err);
/* A transaction has begun in which hashes may be looked for. */
NODISCARD enum status hash_index_begin(struct hash_index *index);
bool hash_index_has_room(const struct hash_index *index); /* for one more that waits */
/* Of a transmission that was just stored, and was not to be found by its hash. Room is there. */
void hash_index_add(struct hash_index *index, const uint8_t hash[static HASH_INDEX_BYTES],
                    int64_t id);
/* The transmission of a hash that waits, which no table knows; 0 = none. */
int64_t hash_index_waits(const struct hash_index *index,
                         const uint8_t hash[static HASH_INDEX_BYTES]);
/* True: neither a table nor what waits has this hash (hash_filter.h). */
bool hash_index_lacks(const struct hash_index *index, const uint8_t hash[static HASH_INDEX_BYTES]);
/* A transmission has left. */
void hash_index_leave(struct hash_index *index);
/* Those that wait to their table; to make room, and a part of hash_index_write. */
NODISCARD enum status hash_index_write_waiting(struct hash_index *index);
/* Before the commit: those that wait, and the moves that are due. */
NODISCARD enum status hash_index_write(struct hash_index *index);
/* The transaction is over: nothing waits. */
void hash_index_clear(struct hash_index *index);
/* It was rolled back. */
void hash_index_forget(struct hash_index *index);
