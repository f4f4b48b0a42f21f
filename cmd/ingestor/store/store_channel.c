/* SPDX-License-Identifier: MIT
 *
 * The rows of channels. */
#include "cmd/ingestor/store/store_internal.h"

static const struct store_sql_text sql_texts[] = {
    {SQL_CHANNEL_FIND, "SELECT id, is_encrypted FROM channels WHERE name = ?1"},
    /* Counts and times follow with the batch (deltas). */
    {SQL_CHANNEL_INSERT, "INSERT INTO channels (name, is_encrypted, message_count, first_ms,"
                         " last_ms) VALUES (?1, ?2, 0, ?3, ?3)"},
    {SQL_CHANNEL_OPEN, "UPDATE channels SET is_encrypted = 0 WHERE id = ?1"},
};

enum status store_channel_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

enum status store_channel_resolve(struct store *store, const char *name, bool is_encrypted,
                                  int64_t receipt_ms, int64_t *out_id)
{
    bind_text(store, SQL_CHANNEL_FIND, 1, name);
    enum status status = store_row(store, SQL_CHANNEL_FIND);
    if (status == STATUS_NOT_FOUND) {
        bind_text(store, SQL_CHANNEL_INSERT, 1, name);
        bind_int(store, SQL_CHANNEL_INSERT, 2, is_encrypted);
        bind_int(store, SQL_CHANNEL_INSERT, 3, receipt_ms);
        status = store_run(store, SQL_CHANNEL_INSERT);
        *out_id = sqlite3_last_insert_rowid(store->db);
        return status;
    }
    if (status != STATUS_OK)
        return status;
    *out_id = sqlite3_column_int64(store->stmts[SQL_CHANNEL_FIND], 0);
    bool was_encrypted = sqlite3_column_int(store->stmts[SQL_CHANNEL_FIND], 1) != 0;
    store_done(store, SQL_CHANNEL_FIND);
    if (!was_encrypted || is_encrypted)
        return STATUS_OK;
    bind_int(store, SQL_CHANNEL_OPEN, 1, *out_id);
    return store_run(store, SQL_CHANNEL_OPEN);
}
