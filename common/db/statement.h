/* SPDX-License-Identifier: MIT
 *
 * statement - prepared statements, and the connection that they run on.
 *
 * A module that owns tables keeps its statements in a struct of its own: it begins with the
 * statements, its caches follow. A `static const` one near the top of the file holds the SQL, and
 * connection_part makes a copy of it for one connection. So two can be open at once, and nobody
 * runs a statement of another module's.
 * I1. A statement that has run is reset and its bindings are cleared, whatever happened: no
 *     parameter is left for the next run, and what was bound needs to live no longer.
 * I2. After an error connection.error holds SQLite's text for it, until the next error.
 * Threads: the one of the connection. Errors: SQLite's code as db_status translates it.
 * Ownership: the connection owns the parts and finalizes every statement; bound texts and
 * bytes are borrowed until the statement has run. Cost: as the calls of SQLite below; a run
 * allocates nothing. */
#pragma once

#include "common/base/err.h"
#include "common/db/db.h"

#include <stddef.h>

struct connection {
    sqlite3 *db;             /* NULL = not open yet */
    struct part_head *parts; /* owned: list of what connection_part handed out */
    uint64_t rows;           /* that statement_row gave, of every database it was open on */
    char error[256];
};

struct statement {
    const char *sql;
    sqlite3_stmt *handle; /* NULL = not prepared */
    struct connection *connection;
};

/* A member of a module's constant. */
#define SQL(text)                                                                                  \
    {                                                                                              \
        .sql = (text)                                                                              \
    }
/* So many statements stand in front of `member`. */
#define STATEMENTS_BEFORE(type, member) (offsetof(type, member) / sizeof(struct statement))

/* --- connection ------------------------------------------------------------------------------- */

/* A copy of the module's `size` bytes, whose first `count` members are statements: they are
 * prepared. blank NULL = zeros. The memory lives as long as the connection. NULL: *err says why. */
NODISCARD void *connection_part(struct connection *connection, const void *blank, size_t size,
                                size_t count, struct err *err);
/* Keeps SQLite's text and translates the code. */
enum status connection_fail(struct connection *connection, int rc);
/* Finalizes every statement, closes, and frees the parts. Accepts one that was never open. */
void connection_close(struct connection *connection);

/* --- statements ------------------------------------------------------------------------------- */

/* For statements that live for one call: prepare them all, or leave what is prepared to
 * statements_finalize. */
NODISCARD enum status statements_prepare(struct connection *connection, struct statement *all,
                                         size_t count, struct err *err);
void statements_finalize(struct statement *all, size_t count); /* accepts unprepared ones */

/* Run a statement that yields no row, or whose row does not matter. */
NODISCARD enum status statement_run(struct statement *statement);
/* The next row: the first, when the statement is not under way. STATUS_OK: read it, then ask for
 * the next one or call statement_done. STATUS_NOT_FOUND (there is none, or none is left) and
 * errors: done already. */
NODISCARD enum status statement_row(struct statement *statement);
void statement_done(struct statement *statement);
/* statement_row for one number (NULL reads as 0), statement_done included. */
NODISCARD enum status statement_number(struct statement *statement, int64_t *out);
/* The id that `find` has for this name, or that of the row which `insert` makes. */
NODISCARD enum status statement_name_id(struct statement *find, struct statement *insert,
                                        const char *name, int64_t *out_id);

/* Binding can fail only by a wrong index, which is a bug found by the first test, or for want of
 * memory, which static values do not need. */
void bind_int(struct statement *statement, int at, int64_t value);
void bind_real(struct statement *statement, int at, double value); /* NaN = NULL */
void bind_blob(struct statement *statement, int at, const void *bytes, size_t len);
void bind_text(struct statement *statement, int at, const char *text);  /* not NULL */
void bind_given(struct statement *statement, int at, const char *text); /* "" and NULL = NULL */

int64_t column_int(const struct statement *statement, int column); /* NULL = 0 */
double column_real(const struct statement *statement, int column); /* NULL = NaN */
bool column_is_null(const struct statement *statement, int column);
void copy_column(char *dst, size_t cap, const struct statement *statement,
                 int column); /* NULL = "", cut to cap */
