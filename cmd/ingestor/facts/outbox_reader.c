/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/facts/outbox_reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STATEMENTS 4

enum status outbox_reader_open(struct outbox_reader *reader, const char *path, struct err *err)
{
    struct stat st;
    *reader = (struct outbox_reader){
        .begin = SQL("BEGIN"),
        .epoch = SQL("SELECT epoch FROM outbox_epoch"),
        .next =
            SQL("SELECT id, rows, made_ms, into_text, body FROM outbox WHERE shard = ?1 AND id >"
                " ?2 ORDER BY id LIMIT 1"),
        .end = SQL("COMMIT"),
    };
    enum status status = db_open_reader(path, &reader->connection.db, err);
    if (status == STATUS_OK)
        status = statements_prepare(&reader->connection, &reader->begin, STATEMENTS, err);
    if (status == STATUS_OK && stat(path, &st) == 0) {
        reader->device = st.st_dev;
        reader->inode = st.st_ino;
        return STATUS_OK;
    }
    outbox_reader_close(reader);
    return STATUS_AGAIN;
}

void outbox_reader_close(struct outbox_reader *reader)
{
    if (reader->connection.db != NULL)
        statements_finalize(&reader->begin, STATEMENTS);
    connection_close(&reader->connection);
    free(reader->into);
    free(reader->body);
    *reader = (struct outbox_reader){.cap = 0};
}

bool outbox_reader_is_open(const struct outbox_reader *reader)
{
    return reader->connection.db != NULL;
}

bool outbox_reader_is_stale(const struct outbox_reader *reader, const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_dev != reader->device || st.st_ino != reader->inode);
}

static enum status copy_block(struct outbox_reader *r, struct outbox_block *out)
{
    sqlite3_stmt *row = r->next.handle;
    const void *body = sqlite3_column_blob(row, 4);
    const int bytes = sqlite3_column_bytes(row, 4);
    const char *into = (const char *)sqlite3_column_text(row, 3);
    const size_t len = body != NULL && bytes > 0 ? (size_t)bytes : 0;
    if (len > r->cap) {
        uint8_t *grown = realloc(r->body, len);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        r->body = grown;
        r->cap = len;
    }
    free(r->into);
    r->into = strdup(into != NULL ? into : "");
    if (r->into == NULL)
        return STATUS_NO_MEMORY;
    if (len > 0)
        memcpy(r->body, body, len);
    out->id = column_int(&r->next, 0);
    out->rows = column_int(&r->next, 1);
    out->made_ms = column_int(&r->next, 2);
    out->into = r->into;
    out->body = r->body;
    out->len = len;
    return STATUS_OK;
}

static enum status read_block(struct outbox_reader *r, size_t shard, uint64_t epoch, int64_t behind,
                              struct outbox_block *out)
{
    int64_t now = 0;
    enum status status = statement_number(&r->epoch, &now);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_AGAIN : status;
    out->epoch = (uint64_t)now;
    bind_int(&r->next, 1, (int64_t)shard);
    bind_int(&r->next, 2, out->epoch == epoch ? behind : 0);
    status = statement_row(&r->next);
    if (status != STATUS_OK)
        return status;
    status = copy_block(r, out);
    statement_done(&r->next);
    return status;
}

enum status outbox_reader_next(struct outbox_reader *reader, size_t shard, uint64_t epoch,
                               int64_t behind, struct outbox_block *out)
{
    *out = (struct outbox_block){.id = 0};
    enum status status = statement_run(&reader->begin);
    if (status != STATUS_OK)
        return status;
    status = read_block(reader, shard, epoch, behind, out);
    const enum status ended = statement_run(&reader->end);
    return status == STATUS_OK ? ended : status;
}
