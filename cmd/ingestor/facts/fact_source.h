/* SPDX-License-Identifier: MIT
 *
 * fact_source - what of our SQLite database becomes which fact: per fact one SELECT, whose first
 * column is a position that rises, and whose others are the fact's columns in their order.
 *
 * A source is read in slices: the rows behind a position, at most so many. Where the fact's column
 * is a UInt64, a blob is a hash (big-endian), a text a name (its SHA-256), a number itself.
 *
 * I1. The rows behind a position, and so the slices, are the same ones each time, as long as the
 *     database is.
 * I2. What each row becomes depends on the database alone, but for `ver` of observers and nodes.
 * Not exported, because it follows from the facts or is of this database alone: hourly sums, edges,
 * channels, scopes, cursors.
 * Threads: one. Ownership: borrows the connection. */
#pragma once

#include "cmd/ingestor/facts/fact_row.h"
#include "common/db/statement.h"

struct fact_source {
    enum fact fact;
    /* A later run goes on where the last one ended; else it sends everything again. */
    bool is_kept;
    const char *sql;   /* ?1 the position, ?2 at most so many, ?3 the ingestor's, a blob */
    const char *total; /* about how many there are, for the progress */
    /* At least so many keys the store has of what stands in the database now, whatever changed in
     * it since it was sent; NULL = as total. */
    const char *least;
    bool shares_keys; /* two rows may have one */
    /* Where a running ingestor leaves the rows in the SQLite file, and sends those that change:
     * their table, and the position of its row NEW, NULL where that is its row id. No table = they
     * never come into the file. */
    const char *table, *touched;
    const char *column; /* only where this one is written, of rows that are there; NULL = any */
    const char *at; /* those rows, where `sql` would look through what lies behind; NULL = `sql` */
    /* The rows from a position up to this one more are of one thing, and go together. */
    int64_t together;
    /* The positions of all that a running ingestor sends at its start; NULL = it sends what
     * changes. */
    const char *all;
    bool is_slow; /* its rows change with each message: they go now and then */
};

#define FACT_DATABASE_BYTES 8
/* Whose rows of observers and nodes these are: a database's, whoever sends them. */
void fact_database_id(int64_t created_ms, uint8_t out[static FACT_DATABASE_BYTES]);

#define FACT_SOURCES 17
/* New ones come last: the state of an export names them in this order. */
extern const struct fact_source fact_sources[FACT_SOURCES];

/* The statement stands on a row: it becomes one. False: the writer is full. */
NODISCARD bool fact_source_row(const struct fact_source *source, const struct statement *from,
                               int64_t stamp_ms, struct rowbinary_writer *w, struct fact_row *row);
