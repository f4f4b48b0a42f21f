/* SPDX-License-Identifier: MIT
 *
 * Old rows of every table but transmissions and observations. Each statement touches at most SWEEP_ROWS
 * rows (a few hundred microseconds), and the slice asks the clock between statements. */
#include "cmd/ingestor/store/store_internal.h"
#include "common/db/schema.h"

/* LIMIT below. */
#define SWEEP_ROWS 50

/* How a sweep's cutoff is written in its column. */
enum unit { UNIT_MS = 1, UNIT_SLOT = 300000, UNIT_HOUR = 3600000 };

/* next: ?1 the position -> the last id of the next piece, NULL at the end. take: rows with ?1 < id <= ?2 and
 * a time below ?3, at most SWEEP_ROWS of them; when it takes as many, the same piece is looked at again. */
struct sweep {
    enum unit unit;
    const char *next, *take;
};
#define NEXT_BY_ID(table, id)                                                                      \
    "SELECT max(" id ") FROM (SELECT " id " FROM " table " WHERE " id " > ?1 ORDER BY " id         \
    " LIMIT 50)"
#define NEXT_OBSERVER "SELECT min(id) FROM observers WHERE id > ?1"
/* Rows that stay are looked at again in each pass; the tables are small or the rows of a kind few. */
static const struct sweep sweeps[SWEEP_COUNT] = {
    [SWEEP_NODES] = {UNIT_MS, NEXT_BY_ID("nodes", "id"),
                     "UPDATE nodes SET is_inactive = 1 WHERE id > ?1 AND id <= ?2 AND is_inactive ="
                     " 0 AND coalesce(last_ms, first_ms) < ?3"},
    [SWEEP_OBSERVERS] = {UNIT_MS, NEXT_BY_ID("observers", "id"),
                         "UPDATE observers SET is_inactive = 1 WHERE id > ?1 AND id <= ?2 AND"
                         " is_inactive = 0 AND coalesce(last_ms, first_ms) < ?3"},
    /* By its index of slots: an observer without old rows costs one seek. */
    [SWEEP_METRICS] = {UNIT_SLOT, NEXT_OBSERVER,
                       "DELETE FROM observer_metrics WHERE ?1 < ?2 AND (observer_id, envelope_ms,"
                       " payload_hash) IN (SELECT observer_id, envelope_ms, payload_hash FROM"
                       " observer_metrics WHERE observer_id = ?2 AND receipt_ms / 300000 < ?3"
                       " LIMIT 50)"},
    [SWEEP_SKEW] = {UNIT_HOUR, NEXT_OBSERVER,
                    "DELETE FROM observer_skew WHERE ?1 < ?2 AND observer_id = ?2 AND hour IN"
                    " (SELECT hour FROM observer_skew WHERE observer_id = ?2 AND hour < ?3 LIMIT"
                    " 50)"},
    [SWEEP_NEIGHBORS] = {UNIT_MS, NEXT_OBSERVER,
                         "DELETE FROM reported_neighbors WHERE ?1 < ?2 AND observer_id = ?2 AND"
                         " neighbor IN (SELECT neighbor FROM reported_neighbors WHERE observer_id ="
                         " ?2 AND as_of_ms < ?3 LIMIT 50)"},
    [SWEEP_REPORTS] = {UNIT_MS, NEXT_BY_ID("neighbor_reports", "observer_id"),
                       "DELETE FROM neighbor_reports WHERE observer_id > ?1 AND observer_id <= ?2"
                       " AND as_of_ms < ?3"},
    [SWEEP_CLIENTS] = {UNIT_MS, NEXT_BY_ID("client_receptions", "id"),
                       "DELETE FROM client_receptions WHERE id > ?1 AND id <= ?2 AND receipt_ms <"
                       " ?3"},
    [SWEEP_DROPPED] = {UNIT_MS, NEXT_BY_ID("dropped_packets", "id"),
                       "DELETE FROM dropped_packets WHERE id > ?1 AND id <= ?2 AND last_ms < ?3"},
    [SWEEP_COMPANIONS] = {UNIT_MS, NEXT_BY_ID("companion_messages", "id"),
                          "DELETE FROM companion_messages WHERE id = (SELECT id FROM"
                          " companion_messages WHERE id > ?1 AND id <= ?2 AND receipt_ms < ?3 ORDER"
                          " BY id LIMIT 1) RETURNING id, channel_id"},
};

static const struct store_sql_text sql_texts[] = {
    {SQL_ROLLUP_SERIES, "SELECT kind, key FROM rollups WHERE (kind, key) > (?1, ?2) ORDER BY kind,"
                        " key LIMIT 1"},
    {SQL_ROLLUP_SWEEP, "DELETE FROM rollups WHERE kind = ?1 AND key = ?2 AND hour IN (SELECT hour"
                       " FROM rollups WHERE kind = ?1 AND key = ?2 AND hour < ?3 LIMIT 50)"},
    /* By the index of inactive nodes. */
    {SQL_PURGE_NODE, "DELETE FROM nodes WHERE id = (SELECT id FROM nodes WHERE is_inactive = 1 AND"
                     " id <> (SELECT max(id) FROM nodes) ORDER BY last_ms LIMIT 1) RETURNING id"},
    {SQL_PURGE_SENDER, "UPDATE transmissions SET sender = NULL WHERE id IN (SELECT id FROM"
                       " transmissions WHERE sender = ?1 LIMIT 50)"},
    {SQL_PURGE_ROLLUPS, "DELETE FROM rollups WHERE kind = ?1 AND key = ?2 AND hour IN (SELECT hour"
                        " FROM rollups WHERE kind = ?1 AND key = ?2 LIMIT 50)"},
};

static enum store_sql next_of(enum store_sweep which)
{
    return (enum store_sql)(SQL_SWEEP_FIRST + 2 * (int)which);
}

static enum store_sql take_of(enum store_sweep which)
{
    return (enum store_sql)(SQL_SWEEP_FIRST + 2 * (int)which + 1);
}

enum status store_sweep_prepare(struct store *store, struct err *err)
{
    enum status status = store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
    for (size_t i = 0; status == STATUS_OK && i < SWEEP_COUNT; i++) {
        const enum store_sweep which = (enum store_sweep)i;
        const struct store_sql_text texts[] = {{next_of(which), sweeps[i].next},
                                               {take_of(which), sweeps[i].take}};
        status = store_prepare(store, texts, ARRAY_LEN(texts), err);
    }
    return status;
}

/* The rows that the statement just bound took. */
static enum status run_counted(struct store *store, enum store_sql sql, struct store_slice *slice,
                               int64_t *out_rows)
{
    const enum status status = store_run(store, sql);
    *out_rows = status == STATUS_OK ? sqlite3_changes(store->db) : 0;
    slice->rows += *out_rows;
    slice->looked += *out_rows;
    return status;
}

/* STATUS_NOT_FOUND: nothing is behind the position. */
static enum status find_piece(struct store *store, enum store_sql sql, int64_t position,
                              int64_t *out_last)
{
    bind_int(store, sql, 1, position);
    const enum status status = store_row(store, sql);
    if (status != STATUS_OK)
        return status;
    const bool is_end = sqlite3_column_type(store->stmts[sql], 0) == SQLITE_NULL;
    *out_last = sqlite3_column_int64(store->stmts[sql], 0);
    store_done(store, sql);
    return is_end ? STATUS_NOT_FOUND : STATUS_OK;
}

/* One companion text, and its share of its channel. *out_rows 0: the piece holds no more. */
static enum status take_companion(struct store *store, struct store_slice *slice, int64_t *out_rows)
{
    const enum store_sql sql = take_of(SWEEP_COMPANIONS);
    const enum status status = store_row(store, sql);
    *out_rows = 0;
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    const int64_t channel_id = sqlite3_column_int64(store->stmts[sql], 1); /* NULL reads as 0 */
    store_done(store, sql);
    *out_rows = 1;
    slice->rows++;
    return channel_id != 0 ? store_channel_shrink(store, channel_id, slice) : STATUS_OK;
}

enum status store_sweep(struct store *store, enum store_sweep which, int64_t cutoff_ms,
                        int64_t *position, struct store_slice *slice, bool *out_at_end)
{
    const enum store_sql take = take_of(which);
    const int64_t limit = which == SWEEP_COMPANIONS ? 1 : SWEEP_ROWS;
    *out_at_end = false;
    while (store_slice_goes_on(slice)) {
        int64_t last = 0;
        int64_t rows = 0;
        enum status status = find_piece(store, next_of(which), *position, &last);
        *out_at_end = status == STATUS_NOT_FOUND;
        if (status != STATUS_OK)
            return *out_at_end ? STATUS_OK : status;
        bind_int(store, take, 1, *position);
        bind_int(store, take, 2, last);
        bind_int(store, take, 3, cutoff_ms / (int64_t)sweeps[which].unit);
        status = which == SWEEP_COMPANIONS ? take_companion(store, slice, &rows)
                                           : run_counted(store, take, slice, &rows);
        if (status != STATUS_OK)
            return status;
        if (rows < limit)
            *position = last;
    }
    return STATUS_OK;
}

/* --- rollups ------------------------------------------------------------------------------------------- */

/* The series behind {kind, key}. */
static enum status next_series(struct store *store, int64_t *kind, int64_t *key)
{
    bind_int(store, SQL_ROLLUP_SERIES, 1, *kind);
    bind_int(store, SQL_ROLLUP_SERIES, 2, *key);
    const enum status status = store_row(store, SQL_ROLLUP_SERIES);
    if (status != STATUS_OK)
        return status;
    *kind = sqlite3_column_int64(store->stmts[SQL_ROLLUP_SERIES], 0);
    *key = sqlite3_column_int64(store->stmts[SQL_ROLLUP_SERIES], 1);
    store_done(store, SQL_ROLLUP_SERIES);
    return STATUS_OK;
}

enum status store_sweep_rollups(struct store *store, int64_t cutoff_ms, int64_t *kind, int64_t *key,
                                struct store_slice *slice, bool *out_at_end)
{
    *out_at_end = false;
    while (store_slice_goes_on(slice)) {
        int64_t next_kind = *kind;
        int64_t next_key = *key;
        int64_t rows = 0;
        enum status status = next_series(store, &next_kind, &next_key);
        *out_at_end = status == STATUS_NOT_FOUND;
        if (status != STATUS_OK)
            return *out_at_end ? STATUS_OK : status;
        bind_int(store, SQL_ROLLUP_SWEEP, 1, next_kind);
        bind_int(store, SQL_ROLLUP_SWEEP, 2, next_key);
        bind_int(store, SQL_ROLLUP_SWEEP, 3, cutoff_ms / ROLLUP_HOUR_MS);
        status = run_counted(store, SQL_ROLLUP_SWEEP, slice, &rows);
        if (status != STATUS_OK)
            return status;
        if (rows < SWEEP_ROWS) {
            *kind = next_kind;
            *key = next_key;
        }
    }
    return STATUS_OK;
}

/* --- nodes --------------------------------------------------------------------------------------------- */

/* STATUS_NOT_FOUND: there is no inactive node that may leave. */
static enum status delete_node(struct store *store, int64_t *out_id, struct store_slice *slice)
{
    const enum status status = store_number(store, SQL_PURGE_NODE, out_id);
    if (status != STATUS_OK)
        return status;
    store->counts.nodes--;
    slice->rows++;
    slice->must_forget = true;
    return STATUS_OK;
}

/* Its adverts lose their sender; then nothing can add to its rollups any more, and they leave. */
static enum status let_go_of_node(struct store *store, int64_t *node_id, struct store_slice *slice)
{
    int64_t rows = 0;
    slice->must_forget = true;
    bind_int(store, SQL_PURGE_SENDER, 1, *node_id);
    enum status status = run_counted(store, SQL_PURGE_SENDER, slice, &rows);
    if (status != STATUS_OK || rows > 0)
        return status;
    bind_int(store, SQL_PURGE_ROLLUPS, 1, ROLLUP_NODE);
    bind_int(store, SQL_PURGE_ROLLUPS, 2, *node_id);
    status = run_counted(store, SQL_PURGE_ROLLUPS, slice, &rows);
    if (status == STATUS_OK && rows == 0)
        *node_id = 0;
    return status;
}

enum status store_purge_nodes(struct store *store, int64_t keep, int64_t *node_id,
                              struct store_slice *slice, bool *out_at_end)
{
    struct store_extent extent;
    *out_at_end = false;
    enum status status = store_extent(store, &extent);
    while (status == STATUS_OK && store_slice_goes_on(slice)) {
        if (*node_id != 0) {
            status = let_go_of_node(store, node_id, slice);
            continue;
        }
        *out_at_end = extent.nodes + store->counts.nodes <= keep;
        if (*out_at_end)
            break;
        status = delete_node(store, node_id, slice);
        *out_at_end = status == STATUS_NOT_FOUND;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
