/* SPDX-License-Identifier: MIT */
#include "common/db/schema_blocks.h"

#include "common/db/db.h"
#include "common/db/schema_sql.h"

#define BLOCK SCHEMA_BLOCK("id")

static const char types_in_order[] =
    "SELECT type, " BLOCK " FROM transmissions INDEXED BY transmissions_type ORDER BY type, id";
static const char block_insert[] = "INSERT INTO type_blocks (type, block, n) VALUES (?1, ?2, ?3)";

static int write_block(sqlite3_stmt *insert, int64_t type, int64_t block, int64_t count)
{
    if (count == 0)
        return SQLITE_OK;
    if (sqlite3_bind_int64(insert, 1, type) != SQLITE_OK ||
        sqlite3_bind_int64(insert, 2, block) != SQLITE_OK ||
        sqlite3_bind_int64(insert, 3, count) != SQLITE_OK)
        return SQLITE_NOMEM;
    const int rc = sqlite3_step(insert);
    return rc == SQLITE_DONE ? sqlite3_reset(insert) : rc;
}

/* Neighbours in the index share a block. */
static int copy_blocks(sqlite3_stmt *types, sqlite3_stmt *insert)
{
    int64_t type = 0;
    int64_t block = 0;
    int64_t count = 0;
    int rc;
    while ((rc = sqlite3_step(types)) == SQLITE_ROW) {
        const int64_t next_type = sqlite3_column_int64(types, 0);
        const int64_t next_block = sqlite3_column_int64(types, 1);
        if (next_type != type || next_block != block) {
            rc = write_block(insert, type, block, count);
            if (rc != SQLITE_OK)
                return rc;
            count = 0;
        }
        type = next_type;
        block = next_block;
        count++;
    }
    return rc == SQLITE_DONE ? write_block(insert, type, block, count) : rc;
}

enum status schema_fill_blocks(sqlite3 *db, struct err *err)
{
    sqlite3_stmt *types = NULL;
    sqlite3_stmt *insert = NULL;
    enum status status = db_prepare(db, types_in_order, &types, err);
    if (status == STATUS_OK)
        status = db_prepare(db, block_insert, &insert, err);
    const int rc = status == STATUS_OK ? copy_blocks(types, insert) : SQLITE_OK;
    if (rc != SQLITE_OK)
        status = err_set(err, db_status(rc), rc, sqlite3_db_filename(db, "main"), "%s",
                         sqlite3_errmsg(db));
    IGNORE(sqlite3_finalize(types), "the step's result was judged already");
    IGNORE(sqlite3_finalize(insert), "the same");
    return status == STATUS_OK ? db_exec(db, "DROP INDEX transmissions_type", err) : status;
}
