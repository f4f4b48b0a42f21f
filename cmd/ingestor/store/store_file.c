/* SPDX-License-Identifier: MIT
 *
 * The database as a file: open and close, checkpoint, size, vacuum, statistics. */
#include "cmd/ingestor/store/store_advert.h"
#include "cmd/ingestor/store/store_batch.h"
#include "cmd/ingestor/store/store_core.h"
#include "cmd/ingestor/store/store_derive.h"
#include "cmd/ingestor/store/store_hours.h"
#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_meta.h"
#include "cmd/ingestor/store/store_names.h"
#include "cmd/ingestor/store/store_node_observers.h"
#include "cmd/ingestor/store/store_observation.h"
#include "cmd/ingestor/store/store_observer.h"
#include "cmd/ingestor/store/store_packet.h"
#include "cmd/ingestor/store/store_report.h"
#include "cmd/ingestor/store/store_retention.h"
#include "cmd/ingestor/store/store_ring.h"
#include "cmd/ingestor/store/store_seen.h"
#include "cmd/ingestor/store/store_status.h"
#include "cmd/ingestor/store/store_types.h"
#include "common/db/db_files.h"
#include "common/db/schema.h"

#include <stdlib.h>

struct store_upkeep {
    struct statement page_bytes, pages, free_pages, extent, vacuum, analyze_next;
};

static const struct store_upkeep blank = {
    .page_bytes = SQL("PRAGMA page_size"),
    .pages = SQL("PRAGMA page_count"),
    .free_pages = SQL("PRAGMA freelist_count"),
    /* Ids rise with time, but for imports; the newest hour of the rollups knows those. */
    .extent =
        SQL("SELECT transmissions, nodes, retained_from_ms, max(coalesce((SELECT receipt_ms FROM"
            " observations ORDER BY id DESC LIMIT 1), 0), coalesce((SELECT max(hour) * 3600000 FROM"
            " rollups WHERE kind = 0 AND key = 0), 0)) FROM meta WHERE id = 1"),
    /* Yields a row for every page. */
    .vacuum = SQL("PRAGMA incremental_vacuum"),
    .analyze_next = SQL("SELECT rowid, name FROM sqlite_schema WHERE type = 'table' AND rowid > ?1"
                        " AND name NOT GLOB 'sqlite_*' ORDER BY rowid LIMIT 1"),
};

/* Of each index, rows that ANALYZE looks at: enough to know how selective it is, and about
 * a millisecond. */
#define ANALYSIS_LIMIT "PRAGMA analysis_limit = 400"
/* Several seconds of new transmissions at the highest rate; 7 MB. */
#define HASHES_KEPT      131072
#define PROGRESS_OPCODES 10000
#define BUSY_MS          5000 /* as db_open_writer sets it */
#define TRUNCATE_BUSY_MS 100

struct store_rules store_rules_of(const struct config *config)
{
    return (struct store_rules){
        .signatures = config->signature_mode,
        .drops_foreign = config->drops_foreign_adverts,
        .max_name_bytes = config->max_name_bytes,
        .max_nodes = config->max_nodes,
        .max_observers = config->max_observers,
        .new_observers_per_minute = config->new_observers_per_minute,
        .area = &config->geo_filter,
    };
}

/* --- open and close --------------------------------------------------------------------------- */

static int note_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct store *)context)->wal_pages = pages;
    return SQLITE_OK;
}

static enum status open_database(struct store *store, const struct store_params *params,
                                 struct err *err)
{
    sqlite3 **db = &store->connection.db;
    enum status status = db_open_writer(params->path, params->cache_mb, db, err);
    if (status != STATUS_OK)
        return status;
    sqlite3_progress_handler(*db, params->progress != NULL ? PROGRESS_OPCODES : 0, params->progress,
                             params->progress_context);
    status = schema_migrate(*db, err);
    sqlite3_progress_handler(*db, 0, NULL, NULL);
    return status == STATUS_OK ? db_exec(*db, ANALYSIS_LIMIT, err) : status;
}

/* Blocks that wait belong to a store that is not configured any more: what they hold would stay out
 * of sight for ever. */
static enum status open_outbox(struct store *store, const struct store_params *params,
                               struct err *err)
{
    int64_t left = 0;
    store->facts = params->outbox.shards > 0 ? &store_facts_outbox : &store_facts_sqlite;
    if (params->outbox.shards > 0)
        return outbox_open(&store->connection, &params->outbox, &store->outbox, err);
    const enum status status = outbox_left_over(&store->connection, &left, err);
    if (status != STATUS_OK || left == 0)
        return status;
    return err_set(err, STATUS_CONFIG, 0, "outbox",
                   "%lld blocks of messages in the database wait for ClickHouse, but storeUrl is"
                   " empty: set it until they are sent",
                   (long long)left);
}

static enum status open_upkeep(struct store *store, struct err *err)
{
    store->upkeep = connection_part(&store->connection, &blank, sizeof blank,
                                    sizeof blank / sizeof(struct statement), err);
    return store->upkeep != NULL ? STATUS_OK : err->status;
}

static enum status open_modules(struct store *store, struct err *err)
{
    static enum status (*const modules[])(struct store *, struct err *) = {
        store_meta_open,        store_names_open,  store_seen_open,           store_derive_open,
        store_hours_open,       store_types_open,  store_node_observers_open, store_late_open,
        store_observers_open,   store_advert_open, store_status_open,         store_report_open,
        store_observation_open, store_packet_open, store_ring_open,           store_batch_open,
        store_retention_open,   open_upkeep,
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < ARRAY_LEN(modules); i++)
        status = modules[i](store, err);
    return status;
}

static enum status open_all(struct store *store, const struct store_params *params, struct err *err)
{
    store->hashes = hash_cache_new(HASHES_KEPT);
    if (store->hashes == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for the cache of hashes");
    enum status status = open_database(store, params, err);
    if (status == STATUS_OK)
        status = open_modules(store, err);
    if (status == STATUS_OK)
        status = open_outbox(store, params, err);
    return status == STATUS_OK ? store_meta_load_derived(store, err) : status;
}

enum status store_open(const struct store_params *params, struct store **out_store, struct err *err)
{
    struct err unread; /* the modules tell their status through it */
    if (err == NULL)
        err = &unread;
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for the store");
    store->rules = params->rules;
    store->channel_keys = params->channels;
    store->region_scopes = params->scopes;
    store->progress = params->progress;
    store->progress_context = params->progress_context;
    const enum status status = open_all(store, params, err);
    if (status != STATUS_OK) {
        store_close(store);
        return status;
    }
    IGNORE(sqlite3_wal_hook(store->connection.db, note_wal_pages, store),
           "returns the former context: none");
    *out_store = store;
    return STATUS_OK;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    store_batch_close(store);
    store_ring_close(store);
    store_observers_close(store);
    store_late_close(store);
    store_hours_close(store);
    store_types_close(store);
    store_derive_close(store);
    store_names_close(store);
    outbox_close(store->outbox);
    connection_close(&store->connection);
    hash_cache_free(store->hashes);
    free(store);
}

const char *store_error(const struct store *store)
{
    return store->connection.error;
}

/* --- checkpoint ------------------------------------------------------------------------------- */

enum status store_checkpoint(struct store *store, bool truncate, struct store_checkpoint *out)
{
    sqlite3 *db = store->connection.db;
    int frames = 0;
    int done = 0;
    /* TRUNCATE waits for readers for the whole busy timeout; a request of the server's ends within
     * this, a backup does not. */
    if (truncate)
        IGNORE(sqlite3_busy_timeout(db, TRUNCATE_BUSY_MS), "fails only for a NULL handle");
    int rc = sqlite3_wal_checkpoint_v2(
        db, "main", truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &frames,
        &done);
    if (truncate)
        IGNORE(sqlite3_busy_timeout(db, BUSY_MS), "fails only for a NULL handle");
    /* BUSY: a reader is in the way of the truncation; what could be copied was, and the
     * numbers say it. */
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        return connection_fail(&store->connection, rc);
    *out = (struct store_checkpoint){.wal_frames = frames, .checkpointed_frames = done};
    /* The next commit starts the WAL over; an idle flusher must not checkpoint it
     * again till then. */
    if (rc == SQLITE_OK && frames == done)
        store->wal_pages = 0;
    return STATUS_OK;
}

int64_t store_wal_pages(const struct store *store)
{
    return store->wal_pages;
}

int64_t store_wal_bytes(struct store *store)
{
    int64_t page_bytes;
    if (store->wal_pages == 0 ||
        statement_number(&store->upkeep->page_bytes, &page_bytes) != STATUS_OK)
        return 0;
    return db_files_log_bytes(store->wal_pages, page_bytes);
}

void store_leave_log(struct store *store)
{
    IGNORE(sqlite3_db_config(store->connection.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL),
           "fails only for an option that is none");
}

/* --- size ------------------------------------------------------------------------------------- */

enum status store_extent(struct store *store, struct store_extent *out)
{
    struct store_upkeep *upkeep = store->upkeep;
    *out = (struct store_extent){0};
    enum status status = statement_number(&upkeep->page_bytes, &out->page_bytes);
    if (status == STATUS_OK)
        status = statement_number(&upkeep->pages, &out->pages);
    if (status == STATUS_OK)
        status = statement_number(&upkeep->free_pages, &out->free_pages);
    if (status == STATUS_OK)
        status = statement_row(&upkeep->extent);
    if (status != STATUS_OK)
        return status;
    out->transmissions = column_int(&upkeep->extent, 0);
    out->nodes = column_int(&upkeep->extent, 1);
    out->retained_from_ms = column_int(&upkeep->extent, 2);
    out->newest_ms = column_int(&upkeep->extent, 3);
    statement_done(&upkeep->extent);
    return STATUS_OK;
}

enum status store_vacuum(struct store *store, int64_t keep, struct store_slice *slice,
                         bool *out_at_end)
{
    struct store_upkeep *upkeep = store->upkeep;
    int64_t left = 0;
    *out_at_end = false;
    enum status status = statement_number(&upkeep->free_pages, &left);
    if (status != STATUS_OK)
        return status;
    while (status == STATUS_OK && left > keep && store_slice_goes_on(slice)) {
        status = statement_row(&upkeep->vacuum);
        left--;
        slice->rows += status == STATUS_OK;
    }
    statement_done(&upkeep->vacuum);
    /* NOT_FOUND: no free page is left, or the file was made without auto_vacuum. */
    *out_at_end = status == STATUS_NOT_FOUND || left <= keep;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status analyze_table(struct store *store, const char *name)
{
    char *sql = sqlite3_mprintf("ANALYZE %Q", name);
    if (sql == NULL)
        return connection_fail(&store->connection, SQLITE_NOMEM);
    const int rc = sqlite3_exec(store->connection.db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return rc == SQLITE_OK ? STATUS_OK : connection_fail(&store->connection, rc);
}

enum status store_analyze(struct store *store, int64_t *position, struct store_slice *slice,
                          bool *out_at_end)
{
    struct statement *const next = &store->upkeep->analyze_next;
    char name[64];
    bind_int(next, 1, *position);
    const enum status status = statement_row(next);
    *out_at_end = status == STATUS_NOT_FOUND;
    if (status != STATUS_OK)
        return *out_at_end ? STATUS_OK : status;
    *position = column_int(next, 0);
    copy_column(name, sizeof name, next, 1);
    statement_done(next);
    slice->looked++;
    slice->rows++;
    return analyze_table(store, name);
}
