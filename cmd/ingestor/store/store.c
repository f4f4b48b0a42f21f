/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_internal.h"

#include "common/db/schema.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct store_sql_text sql_texts[] = {
    /* IMMEDIATE: a transaction that begins as a reader fails when it turns writer (BUSY_SNAPSHOT). */
    {SQL_BEGIN, "BEGIN IMMEDIATE"},  {SQL_COMMIT, "COMMIT"},
    {SQL_ROLLBACK, "ROLLBACK"},      {SQL_SAVEPOINT, "SAVEPOINT record"},
    {SQL_RELEASE, "RELEASE record"}, {SQL_ROLLBACK_TO, "ROLLBACK TO record"},
};

#define PROGRESS_OPCODES 10000
#define BUSY_MS          5000 /* as db_open_writer sets it */

/* --- statements ---------------------------------------------------------------------------------------- */

enum status store_prepare(struct store *store, const struct store_sql_text *texts, size_t count,
                          struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        enum status status = db_prepare(store->db, texts[i].text, &store->stmts[texts[i].id], err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status store_fail(struct store *store, int rc)
{
    (void)snprintf(store->error, sizeof store->error, "%s (%d)", sqlite3_errmsg(store->db), rc);
    return db_status(rc);
}

void store_done(struct store *store, enum store_sql sql)
{
    /* reset repeats the error of the step, which was judged when it happened. */
    IGNORE(sqlite3_reset(store->stmts[sql]), "repeats the step's result");
    IGNORE(sqlite3_clear_bindings(store->stmts[sql]), "always SQLITE_OK");
}

enum status store_run(struct store *store, enum store_sql sql)
{
    int rc = sqlite3_step(store->stmts[sql]);
    enum status status = STATUS_OK;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        status = store_fail(store, rc);
    store_done(store, sql);
    return status;
}

enum status store_row(struct store *store, enum store_sql sql)
{
    int rc = sqlite3_step(store->stmts[sql]);
    if (rc == SQLITE_ROW)
        return STATUS_OK;
    enum status status = rc == SQLITE_DONE ? STATUS_NOT_FOUND : store_fail(store, rc);
    store_done(store, sql);
    return status;
}

enum status store_number(struct store *store, enum store_sql sql, int64_t *out)
{
    const enum status status = store_row(store, sql);
    if (status != STATUS_OK)
        return status;
    *out = sqlite3_column_int64(store->stmts[sql], 0);
    store_done(store, sql);
    return STATUS_OK;
}

enum status store_name_id(struct store *store, enum store_sql find, enum store_sql insert,
                          const char *name, int64_t *out_id)
{
    bind_text(store, find, 1, name);
    enum status status = store_number(store, find, out_id);
    if (status != STATUS_NOT_FOUND)
        return status;
    bind_text(store, insert, 1, name);
    status = store_run(store, insert);
    *out_id = sqlite3_last_insert_rowid(store->db);
    return status;
}

static void check_bind(int rc)
{
    assert(rc == SQLITE_OK);
    (void)rc;
}

void bind_int(struct store *store, enum store_sql sql, int at, int64_t value)
{
    check_bind(sqlite3_bind_int64(store->stmts[sql], at, value));
}

void bind_real(struct store *store, enum store_sql sql, int at, double value)
{
    /* SQLite turns NaN into NULL by itself; this says that we mean it. */
    check_bind(isnan(value) ? sqlite3_bind_null(store->stmts[sql], at)
                            : sqlite3_bind_double(store->stmts[sql], at, value));
}

void bind_blob(struct store *store, enum store_sql sql, int at, const void *bytes, size_t len)
{
    /* A NULL pointer would bind SQL NULL; an empty path is an empty blob. */
    check_bind(
        sqlite3_bind_blob64(store->stmts[sql], at, len != 0 ? bytes : "", len, SQLITE_STATIC));
}

void bind_text(struct store *store, enum store_sql sql, int at, const char *text)
{
    check_bind(sqlite3_bind_text(store->stmts[sql], at, text, -1, SQLITE_STATIC));
}

void bind_given(struct store *store, enum store_sql sql, int at, const char *text)
{
    if (text[0] != '\0')
        bind_text(store, sql, at, text);
}

double column_real(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? (double)NAN
                                                            : sqlite3_column_double(stmt, column);
}

void copy_column(char *dst, size_t cap, sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    (void)snprintf(dst, cap, "%s", text != NULL ? (const char *)text : "");
}

struct store_rules store_rules_of(const struct config *config)
{
    return (struct store_rules){
        .signatures = config->signature_mode,
        .drops_foreign = config->drops_foreign_adverts,
        .max_name_bytes = config->max_name_bytes,
        .max_nodes = config->max_nodes,
        .max_observers = config->max_observers,
        .new_observers_per_minute = config->new_observers_per_minute,
    };
}

/* --- open and close ------------------------------------------------------------------------------------ */

static int note_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct store *)context)->wal_pages = pages;
    return SQLITE_OK;
}

static enum status make_caches(struct store *store, struct err *err)
{
    store->hashes = hash_cache_new(STORE_HASHES);
    store->observers = observer_cache_new();
    if (store->hashes == NULL || store->observers == NULL ||
        !deltas_init(&store->touched_observers, STORE_TOUCHED) ||
        !deltas_init(&store->touched_transmissions, STORE_TOUCHED) ||
        !deltas_init(&store->touched_nodes, STORE_TOUCHED) ||
        !deltas_init(&store->touched_channels, STORE_TOUCHED) ||
        !deltas_init(&store->rollups, STORE_ROLLUPS) || !deltas_init(&store->edges, STORE_EDGES))
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for the store's caches");
    return STATUS_OK;
}

void store_watch(struct store *store, int (*progress)(void *context), void *context)
{
    sqlite3_progress_handler(store->db, progress != NULL ? PROGRESS_OPCODES : 0, progress, context);
}

static enum status open_database(struct store *store, const struct store_params *params,
                                 struct err *err)
{
    enum status status = db_open_writer(params->path, params->cache_mb, &store->db, err);
    if (status != STATUS_OK)
        return status;
    store_watch(store, params->progress, params->progress_context);
    status = schema_migrate(store->db, err);
    store_watch(store, NULL, NULL);
    return status;
}

static enum status prepare_all(struct store *store, struct err *err)
{
    static enum status (*const parts[])(struct store *, struct err *) = {
        store_packet_prepare,    store_observation_prepare, store_scope_prepare,
        store_message_prepare,   store_drop_prepare,        store_derive_prepare,
        store_rebuild_prepare,   store_node_prepare,        store_observer_prepare,
        store_status_prepare,    store_batch_prepare,       store_ring_prepare,
        store_job_prepare,       store_retention_prepare,   store_sweep_prepare,
        store_skew_prepare,      store_limits_prepare,      store_seen_prepare,
        store_companion_prepare, store_client_prepare,      store_neighbors_prepare,
        store_channel_prepare,
    };
    enum status status = store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
    for (size_t i = 0; status == STATUS_OK && i < ARRAY_LEN(parts); i++)
        status = parts[i](store, err);
    return status;
}

enum status store_open(const struct store_params *params, struct store **out_store, struct err *err)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for the store");
    store->rules = params->rules;
    store->channel_keys = params->channels;
    store->region_scopes = params->scopes;
    store->progress = params->progress;
    store->progress_context = params->progress_context;
    enum status status = make_caches(store, err);
    if (status == STATUS_OK)
        status = open_database(store, params, err);
    if (status == STATUS_OK)
        status = prepare_all(store, err);
    if (status == STATUS_OK)
        status = store_derived_load(store, err);
    if (status != STATUS_OK) {
        store_close(store);
        return status;
    }
    IGNORE(sqlite3_wal_hook(store->db, note_wal_pages, store), "returns the former context: none");
    *out_store = store;
    return STATUS_OK;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < SQL_COUNT; i++)
        IGNORE(sqlite3_finalize(store->stmts[i]), "repeats the last step's result");
    IGNORE(sqlite3_close(store->db), "no statement is left that could keep it open");
    deltas_done(&store->touched_observers);
    deltas_done(&store->touched_transmissions);
    deltas_done(&store->touched_nodes);
    deltas_done(&store->touched_channels);
    deltas_done(&store->rollups);
    deltas_done(&store->edges);
    observer_cache_free(store->observers);
    hash_cache_free(store->hashes);
    free(store);
}

void store_forget(struct store *store)
{
    hash_cache_clear(store->hashes);
    observer_cache_clear(store->observers);
    store->source_count = 0;
    memset(store->scopes, 0, sizeof store->scopes);
    store->scope_count = 0;
    store_channels_forget(store);
    memset(store->rings, 0, sizeof store->rings);
    store->next_ring = 0;
    store_limits_forget(store);
    store_batch_clear(store);
}

const char *store_error(const struct store *store)
{
    return store->error;
}

/* --- transactions -------------------------------------------------------------------------------------- */

enum status store_begin(struct store *store, bool durable)
{
    /* Inside a transaction the pragma is an error, so the choice is made here. */
    if (store->is_full_sync != durable) {
        int rc = sqlite3_exec(store->db,
                              durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                              NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            return store_fail(store, rc);
        store->is_full_sync = durable;
    }
    store_record_clear(&store->record);
    return store_run(store, SQL_BEGIN);
}

enum status store_commit(struct store *store)
{
    enum status status = store_batch_write(store);
    if (status == STATUS_OK)
        status = store_run(store, SQL_COMMIT);
    if (status != STATUS_OK)
        store_rollback(store);
    else
        store_batch_clear(store);
    return status;
}

void store_rollback(struct store *store)
{
    /* FULL, IOERR and NOMEM may have rolled back by themselves. ROLLBACK itself can't leave the
     * transaction open: what it could not undo is ignored when the WAL is read the next time. The text of
     * the error that led here is kept. */
    if (sqlite3_get_autocommit(store->db) == 0) {
        IGNORE(sqlite3_step(store->stmts[SQL_ROLLBACK]), "the transaction ends in any case");
        store_done(store, SQL_ROLLBACK);
    }
    store_forget(store);
}

enum status store_savepoint(struct store *store)
{
    enum status status = store_batch_make_room(store);
    if (status != STATUS_OK)
        return status;
    store_record_clear(&store->record);
    return store_run(store, SQL_SAVEPOINT);
}

static bool is_over_limit(enum outcome outcome)
{
    return outcome == OUTCOME_FILTERED_MAX_NODES || outcome == OUTCOME_FILTERED_MAX_OBSERVERS ||
           outcome == OUTCOME_FILTERED_NEW_OBSERVERS;
}

enum status store_release(struct store *store, enum outcome outcome)
{
    if (is_over_limit(outcome))
        return store_rollback_record(store);
    enum status status = store_run(store, SQL_RELEASE);
    if (status == STATUS_OK)
        store_batch_merge(store);
    return status;
}

enum status store_rollback_record(struct store *store)
{
    store_record_clear(&store->record);
    enum status status = store_run(store, SQL_ROLLBACK_TO);
    /* ROLLBACK TO leaves the savepoint itself on the stack. */
    return status == STATUS_OK ? store_run(store, SQL_RELEASE) : status;
}

/* --- upkeep -------------------------------------------------------------------------------------------- */

enum status store_checkpoint(struct store *store, bool truncate, struct store_checkpoint *out)
{
    int frames = 0;
    int done = 0;
    /* TRUNCATE would wait for readers for the whole busy timeout. */
    if (truncate)
        IGNORE(sqlite3_busy_timeout(store->db, 0), "fails only for a NULL handle");
    int rc = sqlite3_wal_checkpoint_v2(
        store->db, "main", truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
        &frames, &done);
    if (truncate)
        IGNORE(sqlite3_busy_timeout(store->db, BUSY_MS), "fails only for a NULL handle");
    /* BUSY: a reader is in the way of the truncation; what could be copied was, and the numbers say it. */
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        return store_fail(store, rc);
    *out = (struct store_checkpoint){.wal_frames = frames, .checkpointed_frames = done};
    /* The next commit starts the WAL over; an idle flusher must not checkpoint it again till then. */
    if (rc == SQLITE_OK && frames == done)
        store->wal_pages = 0;
    return STATUS_OK;
}

int64_t store_wal_pages(const struct store *store)
{
    return store->wal_pages;
}
