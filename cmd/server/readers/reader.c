/* SPDX-License-Identifier: MIT */
#include "cmd/server/readers/reader.h"

#include "common/base/log.h"
#include "common/db/db_files.h"
#include "common/db/schema.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_OPCODES 1000

static const char SQL_COMMITS[] = "SELECT commits FROM meta WHERE id = 1";

struct kept {
    struct statement statement; /* sql: owned; handle NULL = a free place */
    uint64_t question;          /* that used it last */
};

struct reader {
    /* constant after init */
    char *path;
    /* the thread that asks */
    struct connection connection;
    struct db_files files;
    mono_us deadline;
    uint64_t question, opened;
    int64_t commits;
    bool is_late, is_failed;
    struct kept kept[READER_STATEMENTS];
    /* atomic: set by anybody, taken back by the next question */
    _Atomic bool is_interrupted;
};

static int on_progress(void *context)
{
    struct reader *reader = context;
    reader->is_late = reader->is_late || clock_mono() > reader->deadline ||
                      atomic_load_explicit(&reader->is_interrupted, memory_order_relaxed);
    return reader->is_late;
}

/* --- connection ------------------------------------------------------------------------------- */

static void close_reader(struct reader *reader)
{
    for (size_t i = 0; i < READER_STATEMENTS; i++) {
        statements_finalize(&reader->kept[i].statement, 1);
        free((char *)(uintptr_t)reader->kept[i].statement.sql);
        reader->kept[i] = (struct kept){0};
    }
    connection_close(&reader->connection);
}

static enum status open_reader(struct reader *reader, struct err *err)
{
    int version;
    enum status status = db_files_name(reader->path, &reader->files, err);
    if (status == STATUS_OK)
        status = db_open_reader(reader->path, &reader->connection.db, err);
    if (status == STATUS_OK)
        status = db_files_note(&reader->files, err);
    if (status == STATUS_OK)
        status = schema_check(reader->connection.db, &version, err);
    if (status != STATUS_OK) {
        connection_close(&reader->connection);
        return status;
    }
    reader->opened++;
    sqlite3_progress_handler(reader->connection.db, PROGRESS_OPCODES, on_progress, reader);
    return STATUS_OK;
}

struct reader *reader_new(const char *path)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->path = strdup(path);
    if (reader->path == NULL) {
        free(reader);
        return NULL;
    }
    return reader;
}

void reader_free(struct reader *reader)
{
    if (reader == NULL)
        return;
    close_reader(reader);
    free(reader->path);
    free(reader);
}

/* --- a question ------------------------------------------------------------------------------- */

static enum status begin(struct reader *reader, struct err *err)
{
    enum status status = db_exec(reader->connection.db, "BEGIN", err);
    struct statement *commits = status == STATUS_OK ? reader_statement(reader, SQL_COMMITS) : NULL;
    if (status == STATUS_OK && commits == NULL)
        status = STATUS_IO;
    else if (status == STATUS_OK)
        status = statement_number(commits, &reader->commits);
    if (status == STATUS_OK)
        return STATUS_OK;
    close_reader(reader);
    return err_set(err, status, 0, reader->path, "can't be read: %s", reader->connection.error);
}

enum status reader_begin(struct reader *reader, mono_us budget, struct err *err)
{
    reader->deadline = clock_mono() + budget;
    reader->is_late = reader->is_failed = false;
    atomic_store_explicit(&reader->is_interrupted, false, memory_order_relaxed);
    reader->question++;
    reader->connection.error[0] = '\0';
    if (reader->connection.db != NULL &&
        db_files_lost(&reader->files, reader->path) != DB_FILE_COUNT)
        close_reader(reader);
    if (reader->connection.db == NULL) {
        const enum status status = open_reader(reader, err);
        if (status != STATUS_OK)
            return status;
    }
    return begin(reader, err);
}

enum reader_result reader_end(struct reader *reader)
{
    const bool is_failed = reader->is_failed || reader->connection.error[0] != '\0';
    struct err err = {0};
    if (db_exec(reader->connection.db, "COMMIT", &err) != STATUS_OK || is_failed) {
        if (!reader->is_late)
            log_event(LOG_WARN, "database", "a question failed",
                      KV(KV_STR("path", reader->path),
                         KV_STR("cause", is_failed ? reader->connection.error : err.text)));
        close_reader(reader);
    }
    return reader->is_late ? READER_LATE : is_failed ? READER_FAILED : READER_ANSWERED;
}

void reader_interrupt(struct reader *reader)
{
    atomic_store_explicit(&reader->is_interrupted, true, memory_order_relaxed);
}

int64_t reader_commits(const struct reader *reader)
{
    return reader->commits;
}

uint64_t reader_opened(const struct reader *reader)
{
    return reader->opened;
}

/* --- statements ------------------------------------------------------------------------------- */

/* The place of this text, else one that is free or was used longest ago; NULL = all are of this
 * question. */
static struct kept *place_for(struct reader *reader, const char *sql)
{
    struct kept *oldest = NULL;
    for (size_t i = 0; i < READER_STATEMENTS; i++) {
        struct kept *kept = &reader->kept[i];
        if (kept->statement.handle != NULL && strcmp(kept->statement.sql, sql) == 0)
            return kept;
        if (kept->question < reader->question &&
            (oldest == NULL || kept->question < oldest->question))
            oldest = kept;
    }
    return oldest;
}

static bool prepare(struct reader *reader, struct kept *kept, const char *sql)
{
    struct err err = {0};
    statements_finalize(&kept->statement, 1);
    free((char *)(uintptr_t)kept->statement.sql);
    kept->statement = (struct statement){.sql = strdup(sql)};
    return kept->statement.sql != NULL &&
           statements_prepare(&reader->connection, &kept->statement, 1, &err) == STATUS_OK;
}

struct statement *reader_statement(struct reader *reader, const char *sql)
{
    struct kept *kept = place_for(reader, sql);
    const bool is_there =
        kept != NULL && kept->statement.handle != NULL && strcmp(kept->statement.sql, sql) == 0;
    if (kept == NULL || (!is_there && !prepare(reader, kept, sql))) {
        reader->is_failed = true;
        return NULL;
    }
    kept->question = reader->question;
    return &kept->statement;
}

int64_t reader_number(struct reader *reader, const char *sql, int64_t otherwise)
{
    struct statement *statement = reader_statement(reader, sql);
    int64_t number;
    return statement != NULL && statement_number(statement, &number) == STATUS_OK ? number
                                                                                  : otherwise;
}
