/* SPDX-License-Identifier: MIT
 *
 * Derived rows made anew: everything that follows from transmissions and observations is emptied, then each
 * packet goes once more through the functions that derive (store_derive, store_message, store_scope). One
 * transaction, so a reader sees the old rows or the new ones, and an interruption leaves the old ones.
 *
 * What the packets can't tell stays: rollups of hours whose packets retention may have taken, the times of
 * edges (moved by copies that have no row), a node's scope where no newer one is found, companion texts.
 * Memory: the batch's tables, which are written out whenever one is full. */
#include "cmd/ingestor/store/store_internal.h"

#include <stdio.h>
#include <string.h>

static const struct store_sql_text sql_texts[] = {
    {SQL_REBUILD_TOTAL, "SELECT transmissions, retained_from_ms FROM meta WHERE id = 1"},
    {SQL_REBUILD_TRANSMISSIONS,
     "SELECT id, type, first_ms, last_ms, sender, raw FROM transmissions ORDER BY id"},
    {SQL_REBUILD_OBSERVATIONS,
     "SELECT id, observer_id, direction, path_size, path, receipt_ms, snr, rssi, route,"
     " scope_code, scope_id FROM observations WHERE transmission_id = ?1"},
    {SQL_REBUILD_SCOPE, "UPDATE observations SET scope_id = ?2 WHERE id = ?1"},
};

/* ?1 = the first hour whose packets are all there. A channel keeps its id for the companion texts in it; its
 * times are found as the smallest and largest. */
static const char *const before[] = {
    "DELETE FROM rollups WHERE hour >= ?1",
    /* OR ROLLBACK, else SQLite keeps the table's former pages in memory, to undo this statement alone. */
    "UPDATE OR ROLLBACK neighbor_edges SET count = 0",
    "DELETE FROM messages",
    ("UPDATE channels SET message_count = 0, is_encrypted = 1, first_ms = 9223372036854775807,"
     " last_ms = 0"),
};

#define IS_USED "IN (SELECT scope_id FROM observations WHERE scope_id IS NOT NULL)"
#define NEWEST_SCOPE                                                                               \
    "FROM transmissions t JOIN observations o ON o.transmission_id = t.id WHERE t.sender = "       \
    "nodes.id AND o.scope_id IS NOT NULL"

static const char *const after[] = {
    "DELETE FROM neighbor_edges WHERE count = 0",
    "UPDATE channels SET is_encrypted = 0, message_count = message_count + c.n, first_ms ="
    " min(channels.first_ms, c.first_ms), last_ms = max(channels.last_ms, c.last_ms) FROM"
    " (SELECT channel_id, count(*) AS n, min(receipt_ms) AS first_ms, max(receipt_ms) AS last_ms"
    "  FROM companion_messages WHERE channel_id IS NOT NULL GROUP BY channel_id) c"
    " WHERE c.channel_id = channels.id",
    "DELETE FROM channels WHERE message_count = 0",
    /* A region that is configured no more gives way to one that is; never to none. */
    "UPDATE nodes SET (scope_id, scope_ms) = (SELECT o.scope_id, o.receipt_ms " NEWEST_SCOPE
    " ORDER BY o.receipt_ms DESC, (SELECT name FROM scopes WHERE id = o.scope_id) LIMIT 1)"
    " WHERE scope_id NOT " IS_USED " AND EXISTS (SELECT 1 " NEWEST_SCOPE ")",
    "DELETE FROM scopes WHERE id NOT " IS_USED " AND id NOT IN (SELECT scope_id FROM nodes WHERE"
    " scope_id IS NOT NULL)",
    "UPDATE meta SET derived = ?1 WHERE id = 1",
};

#define REPORT_EVERY 10000

enum status store_rebuild_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

/* A statement that runs once; `value` where it has a parameter. */
static enum status run_once(struct store *store, const char *sql, int64_t value)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(stmt) != 0)
        rc = sqlite3_bind_int64(stmt, 1, value);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    enum status status = rc == SQLITE_DONE || rc == SQLITE_ROW ? STATUS_OK : store_fail(store, rc);
    IGNORE(sqlite3_finalize(stmt), "repeats the step's result");
    return status;
}

static enum status run_all(struct store *store, const char *const *sql, size_t count, int64_t value)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = run_once(store, sql[i], value);
    return status;
}

/* --- one transmission ---------------------------------------------------------------------------------- */

struct transmission {
    int64_t id, node_id, first_ms, last_ms;
    uint8_t type;
    bool has_frame; /* a frame that no longer parses keeps its counts */
    struct meshcore_frame frame;
    uint8_t raw[MESHCORE_FRAME_MAX];
    struct hash_cache_entry scopes; /* only the scope matched last */
};

static void read_transmission(sqlite3_stmt *stmt, struct transmission *out)
{
    memset(out, 0, sizeof *out);
    out->id = sqlite3_column_int64(stmt, 0);
    out->type = (uint8_t)sqlite3_column_int(stmt, 1);
    out->first_ms = sqlite3_column_int64(stmt, 2);
    out->last_ms = sqlite3_column_int64(stmt, 3);
    out->node_id = sqlite3_column_int64(stmt, 4); /* NULL reads as 0 */
    const void *raw = sqlite3_column_blob(stmt, 5);
    const size_t len = (size_t)sqlite3_column_bytes(stmt, 5);
    out->has_frame = raw != NULL && len <= sizeof out->raw;
    if (!out->has_frame)
        return;
    memcpy(out->raw, raw, len);
    out->has_frame = meshcore_parse(out->raw, len, &out->frame) == MESHCORE_FRAME_OK;
}

static enum status derive_transmission(struct store *store, const struct transmission *t)
{
    struct store_record *record = &store->record;
    int64_t channel_id = 0;
    enum status status = store_batch_make_room(store);
    if (status == STATUS_OK && t->has_frame && t->type == MESHCORE_GRP_TXT)
        status = store_message_insert(store, &t->frame, t->id, t->first_ms, &channel_id);
    if (status != STATUS_OK)
        return status;
    if (channel_id != 0)
        record->channel = (struct delta){
            .id = channel_id, .count = 1, .first_ms = t->first_ms, .last_ms = t->last_ms};
    const bool is_shared = t->has_frame && meshcore_frame_is_share_contact(&t->frame);
    record->origins[0] = (struct store_origin){
        .sign = 1, .node_id = is_shared ? 0 : t->node_id, .first_ms = t->first_ms, .type = t->type};
    record->origin_count = 1;
    store_batch_merge(store);
    return STATUS_OK;
}

/* --- its observations ---------------------------------------------------------------------------------- */

struct observation {
    int64_t id, scope_id;
    int32_t scope_code;
    struct store_reception reception;
};

static void read_observation(sqlite3_stmt *stmt, const struct transmission *t,
                             struct observation *out)
{
    struct store_reception *r = &out->reception;
    out->id = sqlite3_column_int64(stmt, 0);
    r->sign = 1;
    r->observer_id = sqlite3_column_int64(stmt, 1);
    r->direction = (uint8_t)sqlite3_column_int(stmt, 2);
    r->hash_size = (uint8_t)sqlite3_column_int(stmt, 3);
    const void *path = sqlite3_column_blob(stmt, 4); /* NULL when empty */
    const int path_bytes = sqlite3_column_bytes(stmt, 4);
    r->path_bytes = path_bytes <= MESHCORE_PATH_MAX ? (uint8_t)path_bytes : 0;
    if (path != NULL)
        memcpy(r->path, path, r->path_bytes);
    r->receipt_ms = sqlite3_column_int64(stmt, 5);
    r->snr = column_real(stmt, 6);
    r->rssi = column_real(stmt, 7);
    r->route = (uint8_t)sqlite3_column_int(stmt, 8);
    r->type = t->type;
    out->scope_code =
        sqlite3_column_type(stmt, 9) == SQLITE_NULL ? STORE_NO_SCOPE : sqlite3_column_int(stmt, 9);
    out->scope_id = sqlite3_column_int64(stmt, 10);
    bool is_shared =
        meshcore_is_share_contact(r->route, out->scope_code != STORE_NO_SCOPE, r->path_bytes);
    r->node_id = is_shared ? 0 : t->node_id;
}

static enum status derive_scope(struct store *store, struct transmission *t,
                                const struct observation *o)
{
    int64_t scope_id = 0;
    if (o->scope_code == STORE_NO_SCOPE || !t->has_frame)
        return STATUS_OK;
    enum status status = store_scope_match(store, &t->frame, o->scope_code, &t->scopes, &scope_id);
    if (status == STATUS_OK && scope_id != 0 && t->node_id != 0)
        status = store_scope_node(store, t->node_id, scope_id, o->reception.receipt_ms);
    if (status != STATUS_OK || scope_id == o->scope_id)
        return status;
    bind_int(store, SQL_REBUILD_SCOPE, 1, o->id);
    if (scope_id != 0)
        bind_int(store, SQL_REBUILD_SCOPE, 2, scope_id);
    return store_run(store, SQL_REBUILD_SCOPE);
}

static enum status derive_observation(struct store *store, struct transmission *t,
                                      const struct observation *o)
{
    enum status status = store_batch_make_room(store);
    if (status == STATUS_OK)
        status = derive_scope(store, t, o);
    if (status != STATUS_OK)
        return status;
    store->record.receptions[0] = o->reception;
    store->record.reception_count = 1;
    store_batch_merge(store);
    return STATUS_OK;
}

static enum status derive_observations(struct store *store, struct transmission *t)
{
    sqlite3_stmt *stmt = store->stmts[SQL_REBUILD_OBSERVATIONS];
    bind_int(store, SQL_REBUILD_OBSERVATIONS, 1, t->id);
    enum status status = STATUS_OK;
    int rc = SQLITE_DONE;
    while (status == STATUS_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct observation observation;
        read_observation(stmt, t, &observation);
        if (observation.reception.hash_size != 0)
            status = derive_observation(store, t, &observation);
    }
    if (status == STATUS_OK && rc != SQLITE_DONE)
        status = store_fail(store, rc);
    store_done(store, SQL_REBUILD_OBSERVATIONS);
    return status;
}

/* --- all ----------------------------------------------------------------------------------------------- */

static enum status walk(struct store *store, const struct store_rebuild_progress *progress,
                        int64_t total)
{
    sqlite3_stmt *stmt = store->stmts[SQL_REBUILD_TRANSMISSIONS];
    int64_t done = 0;
    enum status status = STATUS_OK;
    int rc = SQLITE_DONE;
    while (status == STATUS_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct transmission transmission;
        read_transmission(stmt, &transmission);
        status = derive_transmission(store, &transmission);
        if (status == STATUS_OK)
            status = derive_observations(store, &transmission);
        if (++done % REPORT_EVERY == 0 && progress != NULL)
            progress->report(progress->context, done, total);
    }
    if (status == STATUS_OK && rc != SQLITE_DONE)
        status = store_fail(store, rc);
    store_done(store, SQL_REBUILD_TRANSMISSIONS);
    return status;
}

static enum status rebuild(struct store *store, const struct store_rebuild_progress *progress)
{
    enum status status = store_row(store, SQL_REBUILD_TOTAL);
    if (status != STATUS_OK)
        return status;
    const int64_t total = sqlite3_column_int64(store->stmts[SQL_REBUILD_TOTAL], 0);
    const int64_t retained_ms = sqlite3_column_int64(store->stmts[SQL_REBUILD_TOTAL], 1);
    store_done(store, SQL_REBUILD_TOTAL);
    const int64_t from_hour = (retained_ms + ROLLUP_HOUR_MS - 1) / ROLLUP_HOUR_MS;
    store->rollups_from_hour = from_hour;
    status = run_all(store, before, ARRAY_LEN(before), from_hour);
    if (status == STATUS_OK)
        status = walk(store, progress, total);
    if (status == STATUS_OK)
        status = store_batch_write(store);
    store->rollups_from_hour = 0;
    store_batch_clear(store);
    if (status == STATUS_OK)
        status = run_all(store, after, ARRAY_LEN(after), SCHEMA_DERIVED);
    if (status == STATUS_OK && progress != NULL)
        progress->report(progress->context, total, total);
    return status;
}

/* Some of the statements look at every observation, for minutes on a slow disk. */
static int show_life(void *context)
{
    const struct store *store = context;
    IGNORE(store->progress(store->progress_context), "a rebuild is not interrupted");
    return 0;
}

enum status store_rebuild(struct store *store, const struct store_rebuild_progress *progress)
{
    store_forget(store);
    enum status status = store_begin(store, true);
    if (status != STATUS_OK)
        return status;
    store_watch(store, store->progress != NULL ? show_life : NULL, store);
    status = rebuild(store, progress);
    if (status == STATUS_OK)
        status = store_commit(store);
    else
        store_rollback(store);
    store_watch(store, NULL, NULL);
    store_forget(store); /* channels and scopes may have gone */
    if (status == STATUS_OK)
        store->derived = SCHEMA_DERIVED;
    return status;
}

enum status store_derived_load(struct store *store, struct err *err)
{
    char fresh[96];
    (void)snprintf(fresh, sizeof fresh,
                   "UPDATE meta SET derived = %d WHERE derived < %d AND transmissions = 0",
                   SCHEMA_DERIVED, SCHEMA_DERIVED);
    enum status status = db_exec(store->db, fresh, err);
    sqlite3_stmt *stmt = NULL;
    if (status == STATUS_OK)
        status = db_prepare(store->db, "SELECT derived FROM meta WHERE id = 1", &stmt, err);
    if (status != STATUS_OK)
        return status;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        store->derived = sqlite3_column_int64(stmt, 0);
    else
        status = err_set(err, db_status(rc), rc, sqlite3_db_filename(store->db, "main"),
                         "the table meta: %s", sqlite3_errmsg(store->db));
    IGNORE(sqlite3_finalize(stmt), "the step's result was judged already");
    return status;
}

bool store_needs_rebuild(const struct store *store)
{
    return store->derived < SCHEMA_DERIVED;
}
