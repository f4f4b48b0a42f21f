/* SPDX-License-Identifier: MIT */
#include "common/db/statement.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- connection ------------------------------------------------------------------------------- */

struct part_head {
    struct part_head *next;
    max_align_t bytes[];
};

void *connection_part(struct connection *connection, const void *blank, size_t size, size_t count,
                      struct err *err)
{
    struct part_head *part = calloc(1, sizeof *part + size);
    if (part == NULL) {
        IGNORE(err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for the store's statements"),
               "NULL says it");
        return NULL;
    }
    part->next = connection->parts;
    connection->parts = part;
    if (blank != NULL)
        memcpy(part->bytes, blank, size);
    const enum status status =
        statements_prepare(connection, (struct statement *)(void *)part->bytes, count, err);
    return status == STATUS_OK ? part->bytes : NULL;
}

enum status connection_fail(struct connection *connection, int rc)
{
    (void)snprintf(connection->error, sizeof connection->error, "%s (%d)",
                   sqlite3_errmsg(connection->db), rc);
    return db_status(rc);
}

void connection_close(struct connection *connection)
{
    sqlite3_stmt *stmt;
    while (connection->db != NULL && (stmt = sqlite3_next_stmt(connection->db, NULL)) != NULL)
        IGNORE(sqlite3_finalize(stmt), "repeats the last step's result");
    IGNORE(sqlite3_close(connection->db), "no statement is left that could keep it open");
    connection->db = NULL;
    while (connection->parts != NULL) {
        struct part_head *part = connection->parts;
        connection->parts = part->next;
        free(part);
    }
}

/* --- statements ------------------------------------------------------------------------------- */

enum status statements_prepare(struct connection *connection, struct statement *all, size_t count,
                               struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        all[i].connection = connection;
        const enum status status = db_prepare(connection->db, all[i].sql, &all[i].handle, err);
        if (status != STATUS_OK) {
            IGNORE(connection_fail(connection, sqlite3_extended_errcode(connection->db)),
                   "db_prepare translated it");
            return status;
        }
    }
    return STATUS_OK;
}

void statements_finalize(struct statement *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        IGNORE(sqlite3_finalize(all[i].handle), "repeats the last step's result");
        all[i].handle = NULL;
    }
}

void statement_done(struct statement *statement)
{
    /* reset repeats the error of the step, which was judged when it happened. */
    IGNORE(sqlite3_reset(statement->handle), "repeats the step's result");
    IGNORE(sqlite3_clear_bindings(statement->handle), "always SQLITE_OK");
}

enum status statement_run(struct statement *statement)
{
    const int rc = sqlite3_step(statement->handle);
    enum status status = STATUS_OK;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        status = connection_fail(statement->connection, rc);
    statement_done(statement);
    return status;
}

enum status statement_row(struct statement *statement)
{
    const int rc = sqlite3_step(statement->handle);
    if (rc == SQLITE_ROW) {
        statement->connection->rows++;
        return STATUS_OK;
    }
    const enum status status =
        rc == SQLITE_DONE ? STATUS_NOT_FOUND : connection_fail(statement->connection, rc);
    statement_done(statement);
    return status;
}

enum status statement_number(struct statement *statement, int64_t *out)
{
    const enum status status = statement_row(statement);
    if (status != STATUS_OK)
        return status;
    *out = column_int(statement, 0);
    statement_done(statement);
    return STATUS_OK;
}

enum status statement_name_id(struct statement *find, struct statement *insert, const char *name,
                              int64_t *out_id)
{
    bind_text(find, 1, name);
    enum status status = statement_number(find, out_id);
    if (status != STATUS_NOT_FOUND)
        return status;
    bind_text(insert, 1, name);
    status = statement_run(insert);
    *out_id = sqlite3_last_insert_rowid(insert->connection->db);
    return status;
}

/* --- values ----------------------------------------------------------------------------------- */

static void check_bind(int rc)
{
    assert(rc == SQLITE_OK);
    (void)rc;
}

void bind_int(struct statement *statement, int at, int64_t value)
{
    check_bind(sqlite3_bind_int64(statement->handle, at, value));
}

void bind_real(struct statement *statement, int at, double value)
{
    /* SQLite turns NaN into NULL by itself; this says that we mean it. */
    check_bind(isnan(value) ? sqlite3_bind_null(statement->handle, at)
                            : sqlite3_bind_double(statement->handle, at, value));
}

void bind_blob(struct statement *statement, int at, const void *bytes, size_t len)
{
    /* A NULL pointer would bind SQL NULL; an empty path is an empty blob. */
    check_bind(
        sqlite3_bind_blob64(statement->handle, at, len != 0 ? bytes : "", len, SQLITE_STATIC));
}

void bind_text(struct statement *statement, int at, const char *text)
{
    check_bind(sqlite3_bind_text(statement->handle, at, text, -1, SQLITE_STATIC));
}

void bind_given(struct statement *statement, int at, const char *text)
{
    if (text != NULL && text[0] != '\0')
        bind_text(statement, at, text);
}

int64_t column_int(const struct statement *statement, int column)
{
    return sqlite3_column_int64(statement->handle, column);
}

bool column_is_null(const struct statement *statement, int column)
{
    return sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}

double column_real(const struct statement *statement, int column)
{
    return column_is_null(statement, column) ? (double)NAN
                                             : sqlite3_column_double(statement->handle, column);
}

void copy_column(char *dst, size_t cap, const struct statement *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement->handle, column);
    (void)snprintf(dst, cap, "%s", text != NULL ? (const char *)text : "");
}
