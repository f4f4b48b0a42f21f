/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_retention.h"

#include "cmd/ingestor/store/store_internal.h"

#include <string.h>

/* Row by row, each found by a seek: a statement that walks would have to stay open while rows leave. */
static const struct store_sql_text sql_texts[] = {
    {SQL_EXTENT_PAGE_BYTES, "PRAGMA page_size"},
    {SQL_EXTENT_PAGES, "PRAGMA page_count"},
    {SQL_EXTENT_FREE, "PRAGMA freelist_count"},
    /* Ids rise with time, but for imports; the newest hour of the rollups knows those. */
    {SQL_EXTENT_ROWS,
     "SELECT transmissions, nodes, retained_from_ms, max(coalesce((SELECT receipt_ms FROM"
     " observations ORDER BY id DESC LIMIT 1), 0), coalesce((SELECT max(hour) * 3600000 FROM"
     " rollups WHERE kind = 0 AND key = 0), 0)) FROM meta WHERE id = 1"},
    {SQL_RETAINED_FROM,
     "UPDATE meta SET retained_from_ms = ?1 WHERE id = 1 AND retained_from_ms < ?1"},
    {SQL_PRUNE_GUARD, "SELECT (SELECT max(id) FROM transmissions), (SELECT transmission_id FROM"
                      " observations ORDER BY id DESC LIMIT 1)"},
    {SQL_PRUNE_NEXT, "SELECT id, hash, last_ms, type, route FROM transmissions WHERE id >= ?1"
                     " ORDER BY id LIMIT 1"},
    {SQL_PRUNE_OBSERVATION,
     "DELETE FROM observations WHERE id = (SELECT id FROM observations WHERE transmission_id = ?1"
     " LIMIT 1) RETURNING observer_id, direction, route, path_size, path"},
    {SQL_PRUNE_EDGE, "UPDATE neighbor_edges SET count = count - 1 WHERE from_hop = ?1 AND to_hop ="
                     " ?2 AND observer_id = ?3 RETURNING count"},
    {SQL_PRUNE_EDGE_EMPTY, "DELETE FROM neighbor_edges WHERE from_hop = ?1 AND to_hop = ?2 AND"
                           " observer_id = ?3 AND count <= 0"},
    {SQL_PRUNE_MESSAGE, "DELETE FROM messages WHERE transmission_id = ?1 RETURNING channel_id"},
    {SQL_PRUNE_CHANNEL, "UPDATE channels SET message_count = message_count - 1 WHERE id = ?1"
                        " RETURNING message_count"},
    {SQL_PRUNE_CHANNEL_EMPTY, "DELETE FROM channels WHERE id = ?1"},
    {SQL_PRUNE_PARTLY,
     "UPDATE transmissions SET observation_count = observation_count - ?2 WHERE id = ?1"},
    {SQL_PRUNE_TRANSMISSION, "DELETE FROM transmissions WHERE id = ?1"},
    /* Yields a row for every page. */
    {SQL_VACUUM, "PRAGMA incremental_vacuum"},
    {SQL_ANALYZE_NEXT, "SELECT rowid, name FROM sqlite_schema WHERE type = 'table' AND rowid > ?1"
                       " AND name NOT GLOB 'sqlite_*' ORDER BY rowid LIMIT 1"},
};

/* Of each index, rows that ANALYZE looks at: enough to know how selective it is, and about a millisecond. */
#define ANALYSIS_LIMIT "PRAGMA analysis_limit = 400"

enum status store_retention_prepare(struct store *store, struct err *err)
{
    const enum status status = db_exec(store->db, ANALYSIS_LIMIT, err);
    return status == STATUS_OK ? store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err)
                               : status;
}

bool store_slice_goes_on(struct store_slice *slice)
{
    if (slice->looked > 0 && (slice->looked >= slice->rows_max || clock_mono() >= slice->until))
        return false;
    slice->looked++;
    return true;
}

/* --- size --------------------------------------------------------------------------------- */

enum status store_extent(struct store *store, struct store_extent *out)
{
    *out = (struct store_extent){0};
    enum status status = store_number(store, SQL_EXTENT_PAGE_BYTES, &out->page_bytes);
    if (status == STATUS_OK)
        status = store_number(store, SQL_EXTENT_PAGES, &out->pages);
    if (status == STATUS_OK)
        status = store_number(store, SQL_EXTENT_FREE, &out->free_pages);
    if (status == STATUS_OK)
        status = store_row(store, SQL_EXTENT_ROWS);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *stmt = store->stmts[SQL_EXTENT_ROWS];
    out->transmissions = sqlite3_column_int64(stmt, 0);
    out->nodes = sqlite3_column_int64(stmt, 1);
    out->retained_from_ms = sqlite3_column_int64(stmt, 2);
    out->newest_ms = sqlite3_column_int64(stmt, 3);
    store_done(store, SQL_EXTENT_ROWS);
    return STATUS_OK;
}

/* --- packets ------------------------------------------------------------------------------------------- */

/* A transmission on its way out. */
struct leaving {
    int64_t id, last_ms;
    uint64_t hash;
    uint8_t type, route;
};

/* The edge counts one less; at zero it leaves. */
static enum status shrink_edge(struct store *store, const struct store_edge *edge, bool was_counted)
{
    uint8_t bytes[6];
    int64_t count = 0;
    enum status status = STATUS_OK;
    if (was_counted) {
        store_bind_edge(store, SQL_PRUNE_EDGE, edge, bytes);
        status = store_number(store, SQL_PRUNE_EDGE, &count);
    }
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && count > 0))
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    store_bind_edge(store, SQL_PRUNE_EDGE_EMPTY, edge, bytes);
    return store_run(store, SQL_PRUNE_EDGE_EMPTY);
}

/* What the observation had added to neighbor_edges. One that counts as direct may have had a copy that was a
 * flood: its edges without a count leave with it. */
static enum status shrink_edges(struct store *store, const struct store_reception *o)
{
    struct store_edge edges[MESHCORE_PATH_MAX];
    if (o->direction != DIRECTION_RX || !meshcore_type_has_hops(o->type))
        return STATUS_OK;
    const size_t count = store_edges_of(o, edges);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = shrink_edge(store, &edges[i], meshcore_has_hops(o->route, o->type));
    return status;
}

/* STATUS_NOT_FOUND: it has none left. */
static enum status take_observation(struct store *store, const struct leaving *t,
                                    struct store_reception *out)
{
    bind_int(store, SQL_PRUNE_OBSERVATION, 1, t->id);
    const enum status status = store_row(store, SQL_PRUNE_OBSERVATION);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *stmt = store->stmts[SQL_PRUNE_OBSERVATION];
    const bool has_route = sqlite3_column_type(stmt, 2) != SQLITE_NULL;
    *out = (struct store_reception){
        .observer_id = sqlite3_column_int64(stmt, 0),
        .direction = (uint8_t)sqlite3_column_int(stmt, 1),
        .route = has_route ? (uint8_t)sqlite3_column_int(stmt, 2) : t->route,
        .type = t->type,
        .hash_size = (uint8_t)sqlite3_column_int(stmt, 3),
    };
    const void *path = sqlite3_column_blob(stmt, 4); /* NULL when empty */
    const size_t bytes = (size_t)sqlite3_column_bytes(stmt, 4);
    if (path != NULL && bytes <= sizeof out->path) {
        out->path_bytes = (uint8_t)bytes;
        memcpy(out->path, path, bytes);
    }
    store_done(store, SQL_PRUNE_OBSERVATION);
    return STATUS_OK;
}

/* *out_all: none is left; else the slice is over. */
static enum status take_observations(struct store *store, const struct leaving *t,
                                     struct store_slice *slice, bool *out_all)
{
    int64_t taken = 0;
    enum status status = STATUS_OK;
    *out_all = false;
    while (status == STATUS_OK && store_slice_goes_on(slice)) {
        struct store_reception o;
        status = take_observation(store, t, &o);
        if (status == STATUS_OK) {
            taken++;
            status = shrink_edges(store, &o);
        }
    }
    store->counts.observations -= taken;
    slice->rows += taken;
    *out_all = status == STATUS_NOT_FOUND;
    if (*out_all)
        return STATUS_OK;
    if (status == STATUS_OK && taken > 0) {
        bind_int(store, SQL_PRUNE_PARTLY, 1, t->id);
        bind_int(store, SQL_PRUNE_PARTLY, 2, taken);
        status = store_run(store, SQL_PRUNE_PARTLY);
    }
    return status;
}

enum status store_channel_shrink(struct store *store, int64_t channel_id, struct store_slice *slice)
{
    int64_t count = 0;
    bind_int(store, SQL_PRUNE_CHANNEL, 1, channel_id);
    const enum status status = store_number(store, SQL_PRUNE_CHANNEL, &count);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && count > 0))
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    slice->must_forget = true;
    bind_int(store, SQL_PRUNE_CHANNEL_EMPTY, 1, channel_id);
    return store_run(store, SQL_PRUNE_CHANNEL_EMPTY);
}

static enum status take_message(struct store *store, int64_t transmission_id,
                                struct store_slice *slice)
{
    int64_t channel_id = 0;
    bind_int(store, SQL_PRUNE_MESSAGE, 1, transmission_id);
    const enum status status = store_number(store, SQL_PRUNE_MESSAGE, &channel_id);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    return store_channel_shrink(store, channel_id, slice);
}

/* *out_gone false: the slice is over, some observations are left. */
static enum status take_transmission(struct store *store, const struct leaving *t,
                                     struct store_slice *slice, bool *out_gone)
{
    enum status status = take_observations(store, t, slice, out_gone);
    if (status != STATUS_OK || !*out_gone)
        return status;
    status = take_message(store, t->id, slice);
    if (status != STATUS_OK)
        return status;
    hash_cache_remove(store->hashes, t->hash);
    store->counts.transmissions--;
    slice->rows++;
    bind_int(store, SQL_PRUNE_TRANSMISSION, 1, t->id);
    return store_run(store, SQL_PRUNE_TRANSMISSION);
}

/* STATUS_NOT_FOUND: the walk is at the end of the table. */
static enum status next_transmission(struct store *store, int64_t position, struct leaving *out)
{
    bind_int(store, SQL_PRUNE_NEXT, 1, position);
    const enum status status = store_row(store, SQL_PRUNE_NEXT);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *stmt = store->stmts[SQL_PRUNE_NEXT];
    *out = (struct leaving){.id = sqlite3_column_int64(stmt, 0),
                            .last_ms = sqlite3_column_int64(stmt, 2),
                            .type = (uint8_t)sqlite3_column_int(stmt, 3),
                            .route = (uint8_t)sqlite3_column_int(stmt, 4)};
    const void *hash = sqlite3_column_blob(stmt, 1);
    if (hash != NULL) /* eight bytes: the table's CHECK */
        memcpy(&out->hash, hash, sizeof out->hash);
    store_done(store, SQL_PRUNE_NEXT);
    return STATUS_OK;
}

static enum status load_guard(struct store *store, int64_t guard[static 2])
{
    const enum status status = store_row(store, SQL_PRUNE_GUARD);
    if (status != STATUS_OK)
        return status;
    guard[0] = sqlite3_column_int64(store->stmts[SQL_PRUNE_GUARD], 0);
    guard[1] = sqlite3_column_int64(store->stmts[SQL_PRUNE_GUARD], 1);
    store_done(store, SQL_PRUNE_GUARD);
    return STATUS_OK;
}

static enum status walk_one(struct store *store, struct store_walk *walk,
                            const int64_t guard[static 2], struct store_slice *slice)
{
    struct leaving t;
    enum status status = next_transmission(store, walk->position, &t);
    if (status == STATUS_NOT_FOUND)
        walk->is_at_end = true;
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    const bool is_guarded = t.id == guard[0] || t.id == guard[1];
    if (t.last_ms >= walk->cutoff_ms || is_guarded) {
        if (!is_guarded && t.last_ms < walk->oldest_ms)
            walk->oldest_ms = t.last_ms;
        walk->position = t.id + 1;
        walk->is_at_end = ++walk->stays >= walk->stays_max;
        return STATUS_OK;
    }
    bool is_gone = false;
    walk->position = t.id;
    walk->stays = 0;
    status = take_transmission(store, &t, slice, &is_gone);
    if (status == STATUS_OK && is_gone) {
        walk->position = t.id + 1;
        walk->budget--;
    }
    return status;
}

enum status store_walk_packets(struct store *store, struct store_walk *walk,
                               struct store_slice *slice)
{
    int64_t guard[2];
    walk->is_at_end = false;
    bind_int(store, SQL_RETAINED_FROM, 1, walk->cutoff_ms);
    enum status status = store_run(store, SQL_RETAINED_FROM);
    if (status == STATUS_OK)
        status = load_guard(store, guard);
    while (status == STATUS_OK && !walk->is_at_end && walk->budget > 0 &&
           store_slice_goes_on(slice))
        status = walk_one(store, walk, guard, slice);
    return status;
}

/* --- the file ------------------------------------------------------------------------------------------ */

enum status store_vacuum(struct store *store, int64_t keep, struct store_slice *slice,
                         bool *out_at_end)
{
    int64_t left = 0;
    *out_at_end = false;
    enum status status = store_number(store, SQL_EXTENT_FREE, &left);
    if (status != STATUS_OK)
        return status;
    int rc = SQLITE_ROW;
    while (rc == SQLITE_ROW && left > keep && store_slice_goes_on(slice)) {
        rc = sqlite3_step(store->stmts[SQL_VACUUM]);
        left--;
        slice->rows += rc == SQLITE_ROW;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = store_fail(store, rc);
    store_done(store, SQL_VACUUM);
    /* DONE: no free page is left, or the file was made without auto_vacuum. */
    *out_at_end = rc == SQLITE_DONE || left <= keep;
    return status;
}

static enum status analyze_table(struct store *store, const char *name)
{
    char *sql = sqlite3_mprintf("ANALYZE %Q", name);
    if (sql == NULL)
        return store_fail(store, SQLITE_NOMEM);
    const int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return rc == SQLITE_OK ? STATUS_OK : store_fail(store, rc);
}

enum status store_analyze(struct store *store, int64_t *position, struct store_slice *slice,
                          bool *out_at_end)
{
    char name[64];
    bind_int(store, SQL_ANALYZE_NEXT, 1, *position);
    enum status status = store_row(store, SQL_ANALYZE_NEXT);
    *out_at_end = status == STATUS_NOT_FOUND;
    if (status != STATUS_OK)
        return *out_at_end ? STATUS_OK : status;
    *position = sqlite3_column_int64(store->stmts[SQL_ANALYZE_NEXT], 0);
    sqlite3_snprintf(sizeof name, name, "%s",
                     sqlite3_column_text(store->stmts[SQL_ANALYZE_NEXT], 1));
    store_done(store, SQL_ANALYZE_NEXT);
    slice->looked++;
    slice->rows++;
    return analyze_table(store, name);
}
