/* SPDX-License-Identifier: MIT
 *
 * memory_table - rows in memory that a statement reads as it reads a table, to write many at once:
 * INSERT INTO t SELECT ... FROM name. (SQLite calls it an eponymous virtual table.)
 *
 * I1. It is there by its name on one connection, for whole reads in the order of its rows; no file
 *     knows of it.
 * I2. One statement reads it at a time.
 * Threads: the connection's. Ownership: the owner's memory, which must outlive the connection's
 * statements. Cost: 30 ns a value; nothing is allocated for a read. */
#pragma once

#include "common/db/db.h"

struct memory_table {
    /* constant */
    const char *name;
    const char *columns; /* names, as in CREATE TABLE x(here) */
    /* The value of row `at`, by one sqlite3_result_...; none = NULL. */
    void (*give)(const void *owner, size_t at, int column, sqlite3_context *out);
    const void *owner;
    /* so many rows; may change between statements */
    size_t count;
    /* SQLite's base class in front */
    struct memory_table_cursor {
        sqlite3_vtab_cursor base;
        size_t at;
    } cursor;
};

/* Before the statements that read it are prepared. */
NODISCARD enum status memory_table_add(sqlite3 *db, struct memory_table *table, struct err *err);
