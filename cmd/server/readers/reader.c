/* SPDX-License-Identifier: MIT */
#include "cmd/server/readers/reader.h"

#include "common/base/log.h"
#include "common/db/schema.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_OPCODES 1000

static const char SQL_BEGUN[] =
    "SELECT m.commits, v.user_version FROM meta m, pragma_user_version v WHERE m.id = 1";

struct kept {
    struct statement statement; /* sql: owned; handle NULL = a free place */
    uint64_t question;          /* that used it last */
};

struct reader {
    /* constant after init */
    char *path;
    int cache_kib;
    /* guarded by the process's lock; while it asks, what stands behind them is its own */
    struct reader *next;
    bool is_asking;
    struct connection connection; /* db NULL = not open */
    struct db_files files;
    uint64_t losses;
    /* the thread that asks */
    mono_us deadline;
    uint64_t question, opened;
    int64_t commits;
    int64_t schema_version;
    bool is_late, is_failed;
    struct kept kept[READER_STATEMENTS];
    /* atomic: set by anybody, taken back by the next question */
    _Atomic bool is_interrupted;
};

/* All of the process (I2). */
static struct {
    pthread_mutex_t lock;
    struct reader *first;
} process = {PTHREAD_MUTEX_INITIALIZER, NULL};

static int on_progress(void *context)
{
    struct reader *reader = context;
    reader->is_late = reader->is_late || clock_mono() > reader->deadline ||
                      atomic_load_explicit(&reader->is_interrupted, memory_order_relaxed);
    return reader->is_late;
}

/* --- connection, all of it under the process's lock ------------------------------------------- */

static void close_reader(struct reader *reader)
{
    for (size_t i = 0; i < READER_STATEMENTS; i++) {
        statements_finalize(&reader->kept[i].statement, 1);
        free((char *)(uintptr_t)reader->kept[i].statement.sql);
        reader->kept[i] = (struct kept){0};
    }
    connection_close(&reader->connection);
}

static bool is_lost(const struct reader *reader)
{
    return reader->connection.db != NULL &&
           db_files_lost(&reader->files, reader->path) != DB_FILE_COUNT;
}

/* False = one that asks still has what was exchanged. */
static bool let_go(void)
{
    bool is_gone = true;
    for (struct reader *r = process.first; r != NULL; r = r->next) {
        if (!is_lost(r))
            continue;
        is_gone = is_gone && !r->is_asking;
        if (r->is_asking)
            continue;
        r->losses++;
        close_reader(r);
    }
    return is_gone;
}

static enum status limit_cache(struct reader *reader, struct err *err)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA cache_size = -%d", reader->cache_kib);
    return db_exec(reader->connection.db, sql, err);
}

static enum status open_reader(struct reader *reader, struct err *err)
{
    int version;
    if (!let_go())
        return err_set(err, STATUS_AGAIN, 0, reader->path,
                       "was replaced: opened anew when the questions under way have ended");
    enum status status = db_files_name(reader->path, &reader->files, err);
    if (status == STATUS_OK)
        status = db_open_reader(reader->path, &reader->connection.db, err);
    if (status == STATUS_OK)
        status = db_files_note(&reader->files, err);
    if (status == STATUS_OK) {
        reader->schema_version = schema_version(reader->connection.db);
        status = schema_check(reader->connection.db, &version, err);
    }
    if (status == STATUS_OK)
        status = limit_cache(reader, err);
    if (status != STATUS_OK) {
        connection_close(&reader->connection);
        return status;
    }
    reader->opened++;
    sqlite3_progress_handler(reader->connection.db, PROGRESS_OPCODES, on_progress, reader);
    return STATUS_OK;
}

static enum status ensure_open(struct reader *reader, struct err *err)
{
    enum status status = STATUS_OK;
    (void)pthread_mutex_lock(&process.lock);
    if (reader->connection.db == NULL || is_lost(reader)) {
        reader->is_asking = false;
        status = open_reader(reader, err);
    }
    reader->is_asking = status == STATUS_OK;
    (void)pthread_mutex_unlock(&process.lock);
    return status;
}

static void give_up(struct reader *reader, bool keep)
{
    (void)pthread_mutex_lock(&process.lock);
    reader->is_asking = false;
    if (!keep)
        close_reader(reader);
    (void)pthread_mutex_unlock(&process.lock);
}

struct reader *reader_new(const char *path)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->cache_kib = READER_CACHE_KIB;
    reader->path = strdup(path);
    if (reader->path == NULL) {
        free(reader);
        return NULL;
    }
    (void)pthread_mutex_lock(&process.lock);
    reader->next = process.first;
    process.first = reader;
    (void)pthread_mutex_unlock(&process.lock);
    return reader;
}

void reader_set_cache(struct reader *reader, int kib)
{
    reader->cache_kib = kib;
}

void reader_free(struct reader *reader)
{
    if (reader == NULL)
        return;
    (void)pthread_mutex_lock(&process.lock);
    struct reader **link = &process.first;
    while (*link != reader)
        link = &(*link)->next;
    *link = reader->next;
    close_reader(reader);
    (void)pthread_mutex_unlock(&process.lock);
    free(reader->path);
    free(reader);
}

/* --- a question ------------------------------------------------------------------------------- */

static enum status read_begun(struct reader *reader, struct err *err)
{
    struct statement *begun = reader_statement(reader, SQL_BEGUN);
    const enum status status = begun != NULL ? statement_row(begun) : STATUS_IO;
    if (status != STATUS_OK)
        return err_set(err, status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status, 0, reader->path,
                       "can't be read: %s", reader->connection.error);
    reader->commits = column_int(begun, 0);
    reader->schema_version = column_int(begun, 1);
    statement_done(begun);
    if (reader->schema_version < SCHEMA_VERSION)
        return err_set(err, STATUS_OLDER, 0, reader->path,
                       "the database has schema version %lld, this program reads %d: an ingestor "
                       "of this version brings it there",
                       (long long)reader->schema_version, SCHEMA_VERSION);
    int version;
    return reader->schema_version == SCHEMA_VERSION
               ? STATUS_OK
               : schema_check(reader->connection.db, &version, err);
}

enum status reader_begin(struct reader *reader, mono_us budget, struct err *err)
{
    enum status status = ensure_open(reader, err);
    if (status != STATUS_OK)
        return status;
    reader_allow(reader, budget);
    reader->is_failed = false;
    atomic_store_explicit(&reader->is_interrupted, false, memory_order_relaxed);
    reader->question++;
    reader->connection.error[0] = '\0';
    status = db_exec(reader->connection.db, "BEGIN", err);
    if (status == STATUS_OK)
        status = read_begun(reader, err);
    if (status != STATUS_OK)
        give_up(reader, false);
    return status;
}

enum reader_result reader_end(struct reader *reader)
{
    struct err err = {0};
    const bool is_ended = db_exec(reader->connection.db, "COMMIT", &err) == STATUS_OK;
    const bool is_failed = reader->is_failed || reader->connection.error[0] != '\0' || !is_ended;
    if (is_failed && !reader->is_late)
        log_event(LOG_WARN, "database", "a question failed",
                  KV(KV_STR("path", reader->path),
                     KV_STR("cause", is_ended ? reader->connection.error : err.text)));
    give_up(reader, !is_failed || (is_ended && reader->is_late));
    return reader->is_late ? READER_LATE : is_failed ? READER_FAILED : READER_ANSWERED;
}

void reader_allow(struct reader *reader, mono_us budget)
{
    reader->deadline = clock_mono() + budget;
    reader->is_late = false;
}

void reader_interrupt(struct reader *reader)
{
    atomic_store_explicit(&reader->is_interrupted, true, memory_order_relaxed);
}

int64_t reader_commits(const struct reader *reader)
{
    return reader->commits;
}

uint64_t reader_rows(const struct reader *reader)
{
    return reader->connection.rows;
}

uint64_t reader_opened(const struct reader *reader)
{
    return reader->opened;
}

uint64_t reader_losses(const struct reader *reader)
{
    return reader->losses;
}

int64_t reader_schema_version(const struct reader *reader)
{
    return reader->schema_version;
}

struct connection *reader_connection(struct reader *reader)
{
    return &reader->connection;
}

const struct db_files *reader_files(const struct reader *reader)
{
    return &reader->files;
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
    return reader_number_of(reader, sql, (struct reader_keys){.count = 0}, otherwise);
}

int64_t reader_number_of(struct reader *reader, const char *sql, struct reader_keys keys,
                         int64_t otherwise)
{
    struct statement *statement = reader_statement(reader, sql);
    int64_t number;
    if (statement == NULL)
        return otherwise;
    for (size_t i = 0; i < keys.count; i++)
        bind_int(statement, (int)i + 1, keys.all[i]);
    return statement_number(statement, &number) == STATUS_OK ? number : otherwise;
}
