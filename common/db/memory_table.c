/* SPDX-License-Identifier: MIT */
#include "common/db/memory_table.h"

#include <stdio.h>

#define DECLARATION_MAX 512
#define COST            1000 /* nothing compares it: whole reads are all that there is */

struct view { /* SQLite's base class in front */
    sqlite3_vtab base;
    struct memory_table *table;
};

static int connect_view(sqlite3 *db, void *table, int argc, const char *const *argv,
                        sqlite3_vtab **out, char **error)
{
    char declaration[DECLARATION_MAX];
    (void)argc;
    (void)argv;
    (void)error;
    struct view *view = sqlite3_malloc(sizeof *view);
    if (view == NULL)
        return SQLITE_NOMEM;
    *view = (struct view){.table = table};
    *out = &view->base;
    (void)snprintf(declaration, sizeof declaration, "CREATE TABLE x(%s)", view->table->columns);
    return sqlite3_declare_vtab(db, declaration);
}

static int disconnect_view(sqlite3_vtab *view)
{
    sqlite3_free(view);
    return SQLITE_OK;
}

static int best_index(sqlite3_vtab *view, sqlite3_index_info *info)
{
    (void)view;
    info->estimatedCost = COST;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *view, sqlite3_vtab_cursor **out)
{
    *out = &((struct view *)view)->table->cursor.base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    (void)cursor; /* a part of the table */
    return SQLITE_OK;
}

static int first_row(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc,
                     sqlite3_value **argv)
{
    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    ((struct memory_table_cursor *)cursor)->at = 0;
    return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *cursor)
{
    ((struct memory_table_cursor *)cursor)->at++;
    return SQLITE_OK;
}

static const struct memory_table *table_of(const sqlite3_vtab_cursor *cursor)
{
    return ((const struct view *)cursor->pVtab)->table;
}

static int is_at_end(sqlite3_vtab_cursor *cursor)
{
    return ((struct memory_table_cursor *)cursor)->at >= table_of(cursor)->count;
}

static int give_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = (int64_t)((struct memory_table_cursor *)cursor)->at;
    return SQLITE_OK;
}

static int give_column(sqlite3_vtab_cursor *cursor, sqlite3_context *out, int column)
{
    const struct memory_table *table = table_of(cursor);
    table->give(table->owner, ((struct memory_table_cursor *)cursor)->at, column, out);
    return SQLITE_OK;
}

/* Without xCreate: there by its name alone. */
static const sqlite3_module module = {
    .xConnect = connect_view,
    .xBestIndex = best_index,
    .xDisconnect = disconnect_view,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = first_row,
    .xNext = next_row,
    .xEof = is_at_end,
    .xColumn = give_column,
    .xRowid = give_rowid,
};

enum status memory_table_add(sqlite3 *db, struct memory_table *table, struct err *err)
{
    return sqlite3_create_module(db, table->name, &module, table) == SQLITE_OK
               ? STATUS_OK
               : err_set(err, STATUS_NO_MEMORY, 0, table->name, "no memory for a table in memory");
}
