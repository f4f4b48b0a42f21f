/* SPDX-License-Identifier: MIT */
#include "common/db/foreign_file.h"

#include "common/db/db.h"

/* The columns without which there is nothing to import. */
static const char has_tables[] =
    "SELECT EXISTS (SELECT 1 FROM pragma_table_info('transmissions') WHERE name = 'raw_hex')"
    " AND EXISTS (SELECT 1 FROM pragma_table_info('observations') WHERE name = 'transmission_id')";

bool foreign_file_is_corescope(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    if (db_open_immutable(path, &db, NULL) != STATUS_OK)
        return false;
    const bool is_theirs = db_prepare(db, has_tables, &stmt, NULL) == STATUS_OK &&
                           sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int(stmt, 0) != 0;
    IGNORE(sqlite3_finalize(stmt), "repeats the step's result");
    IGNORE(sqlite3_close(db), "read-only");
    return is_theirs;
}
