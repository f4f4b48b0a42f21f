/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_retention.h"

#include "cmd/ingestor/store/store_core.h"
#include "cmd/ingestor/store/store_derive.h"
#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_meta.h"
#include "cmd/ingestor/store/store_names.h"
#include "cmd/ingestor/store/store_node_observers.h"
#include "common/db/schema.h"

#include <string.h>

/* Rows that one statement changes at most, as the LIMIT of its SQL says: a few
 * hundred microseconds. */
#define ROWS_MAX 50

/* How the cutoff of a table is written in its column. */
enum unit { UNIT_MS = 1, UNIT_SLOT = 300000, UNIT_HOUR = 3600000 };

static const enum unit units[EXPIRE_COUNT] = {
    [EXPIRE_NODES] = UNIT_MS,   [EXPIRE_OBSERVERS] = UNIT_MS, [EXPIRE_METRICS] = UNIT_SLOT,
    [EXPIRE_SKEW] = UNIT_HOUR,  [EXPIRE_NEIGHBORS] = UNIT_MS, [EXPIRE_REPORTS] = UNIT_MS,
    [EXPIRE_CLIENTS] = UNIT_MS, [EXPIRE_DROPPED] = UNIT_MS,   [EXPIRE_COMPANIONS] = UNIT_MS,
    [EXPIRE_ANSWERS] = UNIT_MS, [EXPIRE_REFUSALS] = UNIT_MS,  [EXPIRE_HOURS] = UNIT_HOUR,
};

#define NEXT_BY_ID(table, id)                                                                      \
    "SELECT max(" id ") FROM (SELECT " id " FROM " table " WHERE " id " > ?1 ORDER BY " id         \
    " LIMIT 50)"
#define NEXT_OBSERVER "SELECT min(id) FROM observers WHERE id > ?1"

struct store_retention {
    struct statement retained_from, guard, next, observation_delete, edge_shrink, edge_delete,
        message_delete, transmission_shrink, transmission_delete;
    struct statement piece[EXPIRE_COUNT], expire[EXPIRE_COUNT];
    struct statement rollup_series, rollup_expire, node_purge, sender_purge, rollups_purge;
};

/* Row by row, each found by a seek: a statement that walks would have to stay open
 * while rows leave. */
static const struct store_retention blank = {
    .retained_from =
        SQL("UPDATE meta SET retained_from_ms = ?1 WHERE id = 1 AND retained_from_ms < ?1"),
    .guard = SQL("SELECT (SELECT max(id) FROM transmissions), (SELECT transmission_id FROM"
                 " observations ORDER BY id DESC LIMIT 1)"),
    .next = SQL("SELECT id, hash, last_ms, type, route, sender, first_ms, length(raw) FROM"
                " transmissions WHERE id >= ?1"
                " ORDER BY id LIMIT 1"),
    .observation_delete = SQL(
        "DELETE FROM observations WHERE id = (SELECT id FROM observation_keys WHERE transmission_id"
        " = ?1 LIMIT 1) RETURNING id, observer_id, direction, path_size, path, receipt_ms, snr, rssi,"
        " coalesce(route, ?2), scope_code, scope_id"),
    .edge_shrink =
        SQL("UPDATE neighbor_edges SET count = count - 1 WHERE from_hop = ?1 AND to_hop ="
            " ?2 AND observer_id = ?3 RETURNING count"),
    .edge_delete = SQL("DELETE FROM neighbor_edges WHERE from_hop = ?1 AND to_hop = ?2 AND"
                       " observer_id = ?3 AND count <= 0"),
    .message_delete = SQL("DELETE FROM messages WHERE transmission_id = ?1 RETURNING channel_id"),
    .transmission_shrink = SQL("UPDATE transmissions SET copies = copies - ?2 WHERE id = ?1"),
    .transmission_delete = SQL("DELETE FROM transmissions WHERE id = ?1"),
    /* ?1 the position -> the last id of the next piece, NULL at the end. */
    .piece =
        {
            [EXPIRE_NODES] = SQL(NEXT_BY_ID("nodes", "id")),
            [EXPIRE_OBSERVERS] = SQL(NEXT_BY_ID("observers", "id")),
            [EXPIRE_METRICS] = SQL(NEXT_OBSERVER),
            [EXPIRE_SKEW] = SQL(NEXT_OBSERVER),
            [EXPIRE_NEIGHBORS] = SQL(NEXT_OBSERVER),
            [EXPIRE_REPORTS] = SQL(NEXT_BY_ID("neighbor_reports", "observer_id")),
            [EXPIRE_CLIENTS] = SQL(NEXT_BY_ID("client_receptions", "id")),
            [EXPIRE_DROPPED] = SQL(NEXT_BY_ID("dropped_packets", "id")),
            [EXPIRE_COMPANIONS] = SQL(NEXT_BY_ID("companion_messages", "id")),
            [EXPIRE_ANSWERS] = SQL(NEXT_BY_ID("region_answers", "id")),
            [EXPIRE_REFUSALS] = SQL(NEXT_BY_ID("refusals", "id")),
            [EXPIRE_HOURS] = SQL(NEXT_BY_ID("hours", "hour")),
        },
    /* Rows with ?1 < id <= ?2 and a time below ?3, at most ROWS_MAX of them; when it takes as many,
     * the same piece is looked at again. Rows that stay are looked at again in each pass; the
     * tables are small or the rows of a kind few. */
    .expire =
        {
            [EXPIRE_NODES] =
                SQL("UPDATE nodes SET is_inactive = 1 WHERE id > ?1 AND id <= ?2 AND is_inactive ="
                    " 0 AND coalesce(last_heard_ms, first_ms) < ?3"),
            [EXPIRE_OBSERVERS] =
                SQL("UPDATE observers SET is_inactive = 1 WHERE id > ?1 AND id <= ?2 AND"
                    " is_inactive = 0 AND coalesce(last_ms, first_ms) < ?3"),
            /* By its index of slots: an observer without old rows costs one seek. */
            [EXPIRE_METRICS] =
                SQL("DELETE FROM observer_metrics WHERE ?1 < ?2 AND (observer_id, envelope_ms,"
                    " payload_hash) IN (SELECT observer_id, envelope_ms, payload_hash FROM"
                    " observer_metrics WHERE observer_id = ?2 AND receipt_ms / 300000 < ?3"
                    " LIMIT 50)"),
            [EXPIRE_SKEW] =
                SQL("DELETE FROM observer_skew WHERE ?1 < ?2 AND observer_id = ?2 AND hour IN"
                    " (SELECT hour FROM observer_skew WHERE observer_id = ?2 AND hour < ?3 LIMIT"
                    " 50)"),
            [EXPIRE_NEIGHBORS] =
                SQL("DELETE FROM reported_neighbors WHERE ?1 < ?2 AND observer_id = ?2 AND"
                    " neighbor IN (SELECT neighbor FROM reported_neighbors WHERE observer_id ="
                    " ?2 AND as_of_ms < ?3 LIMIT 50)"),
            [EXPIRE_REPORTS] =
                SQL("DELETE FROM neighbor_reports WHERE observer_id > ?1 AND observer_id <= ?2"
                    " AND as_of_ms < ?3"),
            [EXPIRE_CLIENTS] =
                SQL("DELETE FROM client_receptions WHERE id > ?1 AND id <= ?2 AND receipt_ms <"
                    " ?3"),
            [EXPIRE_DROPPED] =
                SQL("DELETE FROM dropped_packets WHERE id > ?1 AND id <= ?2 AND last_ms < ?3"),
            [EXPIRE_COMPANIONS] =
                SQL("DELETE FROM companion_messages WHERE id = (SELECT id FROM"
                    " companion_messages WHERE id > ?1 AND id <= ?2 AND receipt_ms < ?3 ORDER"
                    " BY id LIMIT 1) RETURNING id, channel_id"),
            [EXPIRE_ANSWERS] =
                SQL("DELETE FROM region_answers WHERE id > ?1 AND id <= ?2 AND as_of_ms < ?3"),
            [EXPIRE_REFUSALS] =
                SQL("DELETE FROM refusals WHERE id > ?1 AND id <= ?2 AND receipt_ms < ?3"),
            [EXPIRE_HOURS] =
                SQL("DELETE FROM hours WHERE hour > ?1 AND hour <= ?2 AND hour < ?3 AND NOT EXISTS"
                    " (SELECT 1 FROM observations WHERE id BETWEEN first_observation AND"
                    " last_observation)"),
        },
    .rollup_series = SQL("SELECT kind, key FROM rollups WHERE (kind, key) > (?1, ?2) ORDER BY kind,"
                         " key LIMIT 1"),
    .rollup_expire = SQL("DELETE FROM rollups WHERE kind = ?1 AND key = ?2 AND hour IN (SELECT hour"
                         " FROM rollups WHERE kind = ?1 AND key = ?2 AND hour < ?3 LIMIT 50)"),
    /* By the index of inactive nodes. */
    .node_purge =
        SQL("DELETE FROM nodes WHERE id = (SELECT id FROM nodes WHERE is_inactive = 1 AND"
            " id <> (SELECT max(id) FROM nodes) ORDER BY last_heard_ms LIMIT 1) RETURNING id"),
    .sender_purge = SQL("UPDATE transmissions SET sender = NULL WHERE id IN (SELECT id FROM"
                        " transmissions WHERE sender = ?1 LIMIT 50)"),
    .rollups_purge = SQL("DELETE FROM rollups WHERE kind = ?1 AND key = ?2 AND hour IN (SELECT hour"
                         " FROM rollups WHERE kind = ?1 AND key = ?2 LIMIT 50)"),
};

enum status store_retention_open(struct store *store, struct err *err)
{
    store->retention = connection_part(&store->connection, &blank, sizeof blank,
                                       sizeof blank / sizeof(struct statement), err);
    return store->retention != NULL ? STATUS_OK : err->status;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* A transmission on its way out. */
struct leaving {
    int64_t id, last_ms, sender;
    uint64_t hash;
    uint8_t route;
    struct store_origin origin;
};

/* The edge counts one less; at zero it leaves. */
static enum status shrink_edge(struct store *store, const struct store_edge *edge, bool was_counted)
{
    uint8_t bytes[6];
    int64_t count = 0;
    enum status status = STATUS_OK;
    if (was_counted) {
        store_bind_edge(&store->retention->edge_shrink, edge, bytes);
        status = statement_number(&store->retention->edge_shrink, &count);
    }
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && count > 0))
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    store_bind_edge(&store->retention->edge_delete, edge, bytes);
    return statement_run(&store->retention->edge_delete);
}

/* What the observation had added to neighbor_edges. One that counts as direct may have had a copy
 * that was a flood: its edges without a count leave with it. */
static enum status shrink_edges(struct store *store, int64_t id, const struct store_reception *o)
{
    const bool was_counted =
        meshcore_has_hops(o->route, o->type) && store_late_has_edges(store, id);
    struct store_edge edges[MESHCORE_PATH_MAX];
    if (o->direction != DIRECTION_RX || !meshcore_type_has_hops(o->type))
        return STATUS_OK;
    const size_t count = store_edges_of(o, edges);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = shrink_edge(store, &edges[i], was_counted);
    return status;
}

/* STATUS_NOT_FOUND: it has none left. */
static enum status take_observation(struct store *store, const struct leaving *t, int64_t *out_id,
                                    struct store_reception *out)
{
    struct statement *const row = &store->retention->observation_delete;
    bind_int(row, 1, t->id);
    bind_int(row, 2, t->route);
    const enum status status = statement_row(row);
    if (status != STATUS_OK)
        return status;
    *out_id = store_reception_read(row, t->origin.type, t->sender, out);
    statement_done(row);
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
        int64_t id = 0;
        struct store_reception o;
        status = take_observation(store, t, &id, &o);
        if (status == STATUS_OK) {
            taken++;
            status = shrink_edges(store, id, &o);
        }
        if (status == STATUS_OK)
            status = store_late_leaving(store, id, &o);
    }
    store_meta_add(store, &(struct store_counts){.observations = -taken});
    slice->rows += taken;
    *out_all = status == STATUS_NOT_FOUND;
    if (*out_all)
        return STATUS_OK;
    if (status == STATUS_OK && taken > 0) {
        bind_int(&store->retention->transmission_shrink, 1, t->id);
        bind_int(&store->retention->transmission_shrink, 2, taken);
        status = statement_run(&store->retention->transmission_shrink);
    }
    return status;
}

static enum status shrink_channel(struct store *store, int64_t channel_id,
                                  struct store_slice *slice)
{
    bool is_gone = false;
    const enum status status = store_channel_shrink(store, channel_id, &is_gone);
    slice->must_forget = slice->must_forget || is_gone;
    return status;
}

static enum status take_message(struct store *store, int64_t transmission_id,
                                struct store_slice *slice)
{
    int64_t channel_id = 0;
    bind_int(&store->retention->message_delete, 1, transmission_id);
    const enum status status = statement_number(&store->retention->message_delete, &channel_id);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    return shrink_channel(store, channel_id, slice);
}

/* *out_gone false: the slice is over, some observations are left. */
static enum status take_transmission(struct store *store, const struct leaving *t,
                                     struct store_slice *slice, bool *out_gone)
{
    enum status status = take_observations(store, t, slice, out_gone);
    if (status != STATUS_OK || !*out_gone)
        return status;
    status = take_message(store, t->id, slice);
    if (status == STATUS_OK)
        status = store_late_packet_leaving(store, t->id, &t->origin);
    if (status != STATUS_OK)
        return status;
    hash_cache_remove(store->hashes, t->hash);
    hash_index_leave(store->hash_index);
    store_meta_add(store, &(struct store_counts){.transmissions = -1});
    slice->rows++;
    bind_int(&store->retention->transmission_delete, 1, t->id);
    return statement_run(&store->retention->transmission_delete);
}

/* STATUS_NOT_FOUND: the walk is at the end of the table. */
static enum status next_transmission(struct store *store, int64_t position, struct leaving *out)
{
    bind_int(&store->retention->next, 1, position);
    const enum status status = statement_row(&store->retention->next);
    if (status != STATUS_OK)
        return status;
    const struct statement *row = &store->retention->next;
    *out = (struct leaving){.id = column_int(row, 0),
                            .last_ms = column_int(row, 2),
                            .route = (uint8_t)column_int(row, 4),
                            .sender = column_int(row, 5), /* NULL reads as 0 */
                            .origin = {.sign = 1,
                                       .type = (uint8_t)column_int(row, 3),
                                       .first_ms = column_int(row, 6),
                                       .raw_len = (uint8_t)column_int(row, 7)}};
    const void *hash = sqlite3_column_blob(row->handle, 1);
    if (hash != NULL) /* eight bytes: the table's CHECK */
        memcpy(&out->hash, hash, sizeof out->hash);
    statement_done(&store->retention->next);
    return STATUS_OK;
}

static enum status load_guard(struct store *store, int64_t guard[static 2])
{
    const enum status status = statement_row(&store->retention->guard);
    if (status != STATUS_OK)
        return status;
    guard[0] = column_int(&store->retention->guard, 0);
    guard[1] = column_int(&store->retention->guard, 1);
    statement_done(&store->retention->guard);
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
    bool is_settled = false;
    walk->is_at_end = false;
    const enum status settled = store_late_settle(store, slice, &is_settled);
    if (settled != STATUS_OK || !is_settled)
        return settled;
    bind_int(&store->retention->retained_from, 1, walk->cutoff_ms);
    enum status status = statement_run(&store->retention->retained_from);
    if (status == STATUS_OK)
        status = load_guard(store, guard);
    while (status == STATUS_OK && !walk->is_at_end && walk->budget > 0 &&
           store_slice_goes_on(slice))
        status = walk_one(store, walk, guard, slice);
    return status == STATUS_OK ? store_late_left(store) : status;
}

/* --- the other tables ------------------------------------------------------------------------- */

/* The rows that the statement just bound took. */
static enum status run_counted(struct statement *sql, struct store_slice *slice, int64_t *out_rows)
{
    const enum status status = statement_run(sql);
    *out_rows = status == STATUS_OK ? sqlite3_changes(sql->connection->db) : 0;
    slice->rows += *out_rows;
    slice->looked += *out_rows;
    return status;
}

/* STATUS_NOT_FOUND: nothing is behind the position. */
static enum status find_piece(struct statement *piece, int64_t position, int64_t *out_last)
{
    bind_int(piece, 1, position);
    const enum status status = statement_row(piece);
    if (status != STATUS_OK)
        return status;
    const bool is_end = column_is_null(piece, 0);
    *out_last = column_int(piece, 0);
    statement_done(piece);
    return is_end ? STATUS_NOT_FOUND : STATUS_OK;
}

/* One companion text, and its share of its channel. *out_rows 0: the piece holds no more. */
static enum status take_companion(struct store *store, struct store_slice *slice, int64_t *out_rows)
{
    struct statement *const sql = &store->retention->expire[EXPIRE_COMPANIONS];
    const enum status status = statement_row(sql);
    *out_rows = 0;
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    const int64_t channel_id = column_int(sql, 1); /* NULL reads as 0 */
    statement_done(sql);
    *out_rows = 1;
    slice->rows++;
    return channel_id != 0 ? shrink_channel(store, channel_id, slice) : STATUS_OK;
}

enum status store_expire(struct store *store, enum store_expiry which, int64_t cutoff_ms,
                         int64_t *position, struct store_slice *slice, bool *out_at_end)
{
    struct statement *const expire = &store->retention->expire[which];
    const int64_t limit = which == EXPIRE_COMPANIONS ? 1 : ROWS_MAX;
    *out_at_end = false;
    while (store_slice_goes_on(slice)) {
        int64_t last = 0;
        int64_t rows = 0;
        enum status status = find_piece(&store->retention->piece[which], *position, &last);
        *out_at_end = status == STATUS_NOT_FOUND;
        if (status != STATUS_OK)
            return *out_at_end ? STATUS_OK : status;
        bind_int(expire, 1, *position);
        bind_int(expire, 2, last);
        bind_int(expire, 3, cutoff_ms / (int64_t)units[which]);
        status = which == EXPIRE_COMPANIONS ? take_companion(store, slice, &rows)
                                            : run_counted(expire, slice, &rows);
        if (status != STATUS_OK)
            return status;
        if (rows < limit)
            *position = last;
    }
    return STATUS_OK;
}

/* --- rollups ---------------------------------------------------------------------------------- */

/* The series behind {kind, key}. */
static enum status next_series(struct store *store, int64_t *kind, int64_t *key)
{
    bind_int(&store->retention->rollup_series, 1, *kind);
    bind_int(&store->retention->rollup_series, 2, *key);
    const enum status status = statement_row(&store->retention->rollup_series);
    if (status != STATUS_OK)
        return status;
    *kind = column_int(&store->retention->rollup_series, 0);
    *key = column_int(&store->retention->rollup_series, 1);
    statement_done(&store->retention->rollup_series);
    return STATUS_OK;
}

enum status store_expire_rollups(struct store *store, int64_t cutoff_ms, int64_t *kind,
                                 int64_t *key, struct store_slice *slice, bool *out_at_end)
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
        bind_int(&store->retention->rollup_expire, 1, next_kind);
        bind_int(&store->retention->rollup_expire, 2, next_key);
        bind_int(&store->retention->rollup_expire, 3, cutoff_ms / ROLLUP_HOUR_MS);
        status = run_counted(&store->retention->rollup_expire, slice, &rows);
        if (status != STATUS_OK)
            return status;
        if (rows < ROWS_MAX) {
            *kind = next_kind;
            *key = next_key;
        }
    }
    return STATUS_OK;
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* STATUS_NOT_FOUND: there is no inactive node that may leave. */
static enum status delete_node(struct store *store, int64_t *out_id, struct store_slice *slice)
{
    const enum status status = statement_number(&store->retention->node_purge, out_id);
    if (status != STATUS_OK)
        return status;
    store_meta_add(store, &(struct store_counts){.nodes = -1});
    slice->rows++;
    slice->must_forget = true;
    return STATUS_OK;
}

/* Its adverts lose their sender; then nothing can add to its rollups and to who heard it any more,
 * and they leave. */
static enum status let_go_of_node(struct store *store, int64_t *node_id, struct store_slice *slice)
{
    int64_t rows = 0;
    slice->must_forget = true;
    bind_int(&store->retention->sender_purge, 1, *node_id);
    enum status status = run_counted(&store->retention->sender_purge, slice, &rows);
    if (status != STATUS_OK || rows > 0)
        return status;
    bind_int(&store->retention->rollups_purge, 1, ROLLUP_NODE);
    bind_int(&store->retention->rollups_purge, 2, *node_id);
    status = run_counted(&store->retention->rollups_purge, slice, &rows);
    if (status == STATUS_OK && rows == 0)
        status = store_node_observers_purge(store, *node_id, slice, &rows);
    if (status == STATUS_OK && rows == 0)
        *node_id = 0;
    return status;
}

enum status store_purge_nodes(struct store *store, int64_t keep, int64_t *node_id,
                              struct store_slice *slice, bool *out_at_end)
{
    int64_t nodes = 0;
    bool is_settled = false;
    *out_at_end = false;
    enum status status = store_late_settle(store, slice, &is_settled);
    if (status != STATUS_OK || !is_settled)
        return status;
    while (status == STATUS_OK && store_slice_goes_on(slice)) {
        if (*node_id != 0) {
            status = let_go_of_node(store, node_id, slice);
            continue;
        }
        status = store_meta_nodes(store, &nodes);
        *out_at_end = status == STATUS_OK && nodes <= keep;
        if (status != STATUS_OK || *out_at_end)
            break;
        status = delete_node(store, node_id, slice);
        *out_at_end = status == STATUS_NOT_FOUND;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
