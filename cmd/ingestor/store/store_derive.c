/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_derive.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Rows that have pending updates; 1 and 2 MB; more are written before the commit. */
#define ROLLUPS_MAX 16384
#define EDGES_MAX   32768
/* What a record can add to them. */
#define RECORD_ROLLUPS (STORE_RECEPTIONS * (ROLLUP_KINDS + MESHCORE_PATH_MAX) + STORE_ORIGINS * 4)
#define RECORD_EDGES   (STORE_RECEPTIONS * MESHCORE_PATH_MAX)

struct store_derived_rows {
    struct statement rollup_add, rollup_prune, edge_add;
    struct deltas rollups, edges;
    int64_t from_hour; /* while rebuilding: earlier hours stay as they are */
};

static const struct store_derived_rows blank = {
    .rollup_add =
        SQL("INSERT INTO rollups (kind, key, hour, observations, transmissions) VALUES (?1, ?2, ?3,"
            " max(?4, 0), max(?5, 0)) ON CONFLICT (kind, key, hour) DO UPDATE SET observations ="
            " max(observations + ?4, 0), transmissions = max(transmissions + ?5, 0)"),
    .rollup_prune = SQL("DELETE FROM rollups WHERE kind = ?1 AND key = ?2 AND hour = ?3 AND"
                        " observations = 0 AND transmissions = 0"),
    .edge_add = SQL(
        "INSERT INTO neighbor_edges (from_hop, to_hop, observer_id, count, first_ms, last_ms) VALUES"
        " (?1, ?2, ?3, max(?4, 0), ?5, ?6) ON CONFLICT (from_hop, to_hop, observer_id) DO UPDATE SET"
        " count = max(count + ?4, 0), first_ms = min(first_ms, ?5), last_ms = max(last_ms, ?6)"),
};

enum status store_derive_open(struct store *store, struct err *err)
{
    struct store_derived_rows *derived =
        connection_part(&store->connection, &blank, sizeof blank,
                        STATEMENTS_BEFORE(struct store_derived_rows, rollups), err);
    if (derived == NULL)
        return err->status;
    store->derived = derived;
    if (!deltas_init(&derived->rollups, ROLLUPS_MAX) || !deltas_init(&derived->edges, EDGES_MAX))
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for rollups and edges");
    return STATUS_OK;
}

void store_derive_close(struct store *store)
{
    if (store->derived == NULL)
        return;
    deltas_done(&store->derived->rollups);
    deltas_done(&store->derived->edges);
}

void store_derive_clear(struct store *store)
{
    deltas_clear(&store->derived->rollups);
    deltas_clear(&store->derived->edges);
}

void store_derive_from(struct store *store, int64_t hour)
{
    store->derived->from_hour = hour;
}

/* --- a stored reception ----------------------------------------------------------------------- */

int64_t store_reception_read(const struct statement *row, uint8_t type, int64_t sender,
                             struct store_reception *out)
{
    *out = (struct store_reception){
        .observer_id = column_int(row, 1),
        .direction = (uint8_t)column_int(row, 2),
        .hash_size = (uint8_t)column_int(row, 3),
        .receipt_ms = column_int(row, 5),
        .snr = column_real(row, 6),
        .rssi = column_real(row, 7),
        .route = (uint8_t)column_int(row, 8),
        .scope_code = column_is_null(row, 9) ? STORE_NO_SCOPE : (int32_t)column_int(row, 9),
        .scope_id = column_int(row, 10), /* NULL reads as 0 */
        .type = type,
    };
    const void *path = sqlite3_column_blob(row->handle, 4); /* NULL when empty */
    const size_t bytes = (size_t)sqlite3_column_bytes(row->handle, 4);
    if (path != NULL && bytes <= sizeof out->path) {
        out->path_bytes = (uint8_t)bytes;
        memcpy(out->path, path, bytes);
    }
    const bool is_shared =
        meshcore_is_share_contact(out->route, out->scope_code != STORE_NO_SCOPE, out->path_bytes);
    out->node_id = is_shared ? 0 : sender;
    return column_int(row, 0);
}

/* --- rollups ---------------------------------------------------------------------------------- */

/* A rollup's delta: kind in the id's top byte, below it the key, which may be negative, above a
 * bias; the hour. */
#define KIND_SHIFT 56
#define KEY_BIAS   (INT64_C(1) << 32)
#define KEY_MASK   ((INT64_C(1) << KIND_SHIFT) - 1)

struct worth {
    int64_t hour, observations, transmissions;
};

static void add_to(const struct store *store, struct deltas *into, enum rollup_kind kind,
                   int64_t key, const struct worth *worth)
{
    if (worth->hour < store->derived->from_hour)
        return;
    const struct delta row = {.id = (int64_t)kind << KIND_SHIFT | ((key + KEY_BIAS) & KEY_MASK),
                              .part = worth->hour,
                              .count = worth->observations,
                              .transmissions = worth->transmissions};
    bool added = deltas_add(into, &row);
    assert(added); /* store_derive_make_room; store_late.c's own */
    (void)added;
}

static void add_rollup(struct store *store, enum rollup_kind kind, int64_t key,
                       const struct worth *worth)
{
    add_to(store, &store->derived->rollups, kind, key, worth);
}

static int64_t bin(double value, double low, double high)
{
    return (int64_t)fmin(fmax(floor(value), low), high);
}

static int64_t snr_bin(const struct store_reception *r)
{
    return bin(r->snr, -64, 63);
}

/* The lower end / 5. */
static int64_t rssi_bin(const struct store_reception *r)
{
    return bin(r->rssi / 5, -40, 0);
}

static int64_t hops_of(const struct store_reception *r)
{
    return r->hash_size != 0 ? r->path_bytes / r->hash_size : 0;
}

static struct worth worth_of(const struct store_reception *r)
{
    return (struct worth){.hour = r->receipt_ms / ROLLUP_HOUR_MS, .observations = r->sign};
}

void store_derive_rf(struct store *store, const struct store_reception *r)
{
    if (r->direction != DIRECTION_RX)
        return;
    const struct worth worth = worth_of(r);
    if (!r->is_former && schema_is_invented_rf(r->snr, r->rssi)) {
        add_rollup(store, ROLLUP_INVENTED_RF, r->observer_id, &worth);
        return;
    }
    if (!isnan(r->snr))
        add_rollup(store, ROLLUP_SNR, snr_bin(r), &worth);
    if (!isnan(r->rssi))
        add_rollup(store, ROLLUP_RSSI, rssi_bin(r) * 5, &worth);
}

static void add_rollups(struct store *store, const struct store_reception *r)
{
    const struct worth worth = worth_of(r);
    add_rollup(store, ROLLUP_NETWORK, 0, &worth);
    add_rollup(store, ROLLUP_OBSERVER, r->observer_id, &worth);
    if (r->node_id != 0)
        add_rollup(store, ROLLUP_NODE, r->node_id, &worth);
    add_rollup(store, ROLLUP_TYPE, r->type, &worth);
    store_derive_rf(store, r);
    if (meshcore_has_hops(r->route, r->type))
        add_rollup(store, ROLLUP_HOPS, hops_of(r), &worth);
}

void store_derive_origin(struct store *store, const struct store_origin *origin)
{
    const struct worth worth = {.hour = origin->first_ms / ROLLUP_HOUR_MS,
                                .transmissions = origin->sign};
    add_rollup(store, ROLLUP_NETWORK, 0, &worth);
    if (origin->node_id != 0)
        add_rollup(store, ROLLUP_NODE, origin->node_id, &worth);
    add_rollup(store, ROLLUP_TYPE, origin->type, &worth);
    if (origin->is_counted)
        store_derive_late_origin(store, &store->derived->rollups, origin);
}

/* --- edges ------------------------------------------------------------------------------------ */

/* A hop in the delta's id: its length in the top byte, so that 0 is no hop, and its bytes
 * as a number. */
#define HOP_BYTES_MAX 3
static uint32_t pack_hop(const uint8_t *bytes, size_t size)
{
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return (uint32_t)size << 24 | value;
}

static size_t unpack_hop(uint32_t hop, uint8_t out[static HOP_BYTES_MAX])
{
    const size_t size = min_size(hop >> 24, HOP_BYTES_MAX);
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(hop >> (8 * (size - 1 - i)));
    return size;
}

void store_bind_edge(struct statement *statement, const struct store_edge *edge,
                     uint8_t bytes[static 6])
{
    bind_blob(statement, 1, bytes, unpack_hop(edge->from, bytes));
    bind_blob(statement, 2, bytes + HOP_BYTES_MAX, unpack_hop(edge->to, bytes + HOP_BYTES_MAX));
    bind_int(statement, 3, edge->observer_id);
}

static bool has_edge(const struct store_edge *edges, size_t count, uint32_t from, uint32_t to)
{
    for (size_t i = 0; i < count; i++)
        if (edges[i].from == from && edges[i].to == to)
            return true;
    return false;
}

bool store_has_whole_hops(const struct store_reception *r)
{
    return r->hash_size != 0 && r->hash_size <= HOP_BYTES_MAX && r->path_bytes % r->hash_size == 0;
}

/* An edge that a path runs along twice counts once: observations are counted. */
size_t store_edges_of(const struct store_reception *r,
                      struct store_edge out[static MESHCORE_PATH_MAX])
{
    const size_t size = r->hash_size;
    size_t count = 0;
    if (!store_has_whole_hops(r))
        return 0;
    for (size_t at = 0; at < r->path_bytes; at += size) {
        const bool is_last = at + size == r->path_bytes;
        const uint32_t from = pack_hop(r->path + at, size);
        const uint32_t to = is_last ? 0 : pack_hop(r->path + at + size, size);
        if (!has_edge(out, count, from, to))
            out[count++] = (struct store_edge){from, to, is_last ? r->observer_id : 0};
    }
    return count;
}

/* --- rollups that are counted late ------------------------------------------------------------ */

static int64_t scope_key(const struct store_reception *r)
{
    if (r->route != MESHCORE_TRANSPORT_FLOOD && r->route != MESHCORE_TRANSPORT_DIRECT)
        return ROLLUP_SCOPE_NONE;
    if (r->scope_code == STORE_NO_SCOPE || r->scope_code == 0)
        return ROLLUP_SCOPE_EMPTY;
    return r->scope_id != 0 && r->scope_id < ROLLUP_SCOPE_UNNAMED ? r->scope_id
                                                                  : ROLLUP_SCOPE_UNNAMED;
}

/* Each hop once, wherever it stands in the path. */
static void add_hops(const struct store *store, struct deltas *into,
                     const struct store_reception *r, const struct worth *worth)
{
    uint32_t seen[MESHCORE_PATH_MAX];
    size_t count = 0;
    for (size_t at = 0; at < r->path_bytes; at += r->hash_size) {
        const uint32_t hop = pack_hop(r->path + at, r->hash_size);
        size_t i = 0;
        while (i < count && seen[i] != hop)
            i++;
        if (i < count)
            continue;
        seen[count++] = hop;
        add_to(store, into, ROLLUP_HOP, hop, worth);
    }
}

static void add_late_rf(const struct store *store, struct deltas *into,
                        const struct store_reception *r, const struct worth *day, bool has_hops)
{
    if (schema_is_invented_rf(r->snr, r->rssi))
        return;
    if (!isnan(r->rssi))
        add_to(store, into, ROLLUP_OBSERVER_RSSI, r->observer_id * 64 + rssi_bin(r) + 40, day);
    if (isnan(r->snr))
        return;
    const int64_t snr = snr_bin(r) + 64;
    add_to(store, into, ROLLUP_OBSERVER_SNR, r->observer_id * 128 + snr, day);
    add_to(store, into, ROLLUP_TYPE_SNR, r->type * 128 + snr, day);
    if (has_hops)
        add_to(store, into, ROLLUP_HOPS_SNR, hops_of(r) * 128 + snr, day);
}

void store_derive_late_reception(const struct store *store, struct deltas *into,
                                 const struct store_reception *r)
{
    if (r->direction != DIRECTION_RX)
        return;
    const bool has_hops = meshcore_has_hops(r->route, r->type);
    const struct worth worth = worth_of(r);
    struct worth day = worth;
    day.hour -= day.hour % ROLLUP_DAY_HOURS;
    add_to(store, into, ROLLUP_SCOPE, scope_key(r), &worth);
    add_to(store, into, ROLLUP_OBSERVER_TYPE, r->observer_id * 16 + r->type, &worth);
    add_late_rf(store, into, r, &day, has_hops);
    if (has_hops)
        add_to(store, into, ROLLUP_OBSERVER_HOPS, r->observer_id * 64 + hops_of(r), &day);
    if (has_hops && store_has_whole_hops(r))
        add_hops(store, into, r, &worth);
}

void store_derive_late_origin(const struct store *store, struct deltas *into,
                              const struct store_origin *origin)
{
    const struct worth worth = {.hour = origin->first_ms / ROLLUP_HOUR_MS,
                                .transmissions = origin->sign};
    add_to(store, into, ROLLUP_TYPE_SIZE, origin->type * 64 + origin->raw_len / 4, &worth);
}

/* --- what a packet is worth ------------------------------------------------------------------- */

void store_derive_edges(struct deltas *into, const struct store_reception *r, int sign)
{
    struct store_edge edges[MESHCORE_PATH_MAX];
    if (r->direction != DIRECTION_RX || !meshcore_has_hops(r->route, r->type))
        return;
    const size_t count = store_edges_of(r, edges);
    for (size_t i = 0; i < count; i++) {
        const struct delta row = {.id = (int64_t)edges[i].from << 32 | edges[i].to,
                                  .part = edges[i].observer_id,
                                  .count = sign,
                                  .first_ms = r->receipt_ms,
                                  .last_ms = r->receipt_ms};
        bool added = deltas_add(into, &row);
        assert(added); /* as above */
        (void)added;
    }
}

void store_derive_reception(struct store *store, const struct store_reception *reception)
{
    if (reception->direction != DIRECTION_RX)
        return;
    if (reception->sign != 0)
        add_rollups(store, reception);
    if (reception->sign != 0 && reception->is_counted)
        store_derive_late_reception(store, &store->derived->rollups, reception);
    /* A row's edges are counted behind the messages; a copy has no row, and one that changes before
     * its turn is not there any more as it was: of them the times are noted now. */
    if (reception->sign <= 0 || reception->has_edges)
        store_derive_edges(&store->derived->edges, reception,
                           reception->has_edges ? reception->sign : 0);
}

/* --- writing ---------------------------------------------------------------------------------- */

enum status store_derive_write_rollup(struct store *store, const struct delta *row)
{
    if (row->count == 0 && row->transmissions == 0)
        return STATUS_OK;
    const int64_t kind = row->id >> KIND_SHIFT;
    const int64_t key = (row->id & KEY_MASK) - KEY_BIAS;
    bind_int(&store->derived->rollup_add, 1, kind);
    bind_int(&store->derived->rollup_add, 2, key);
    bind_int(&store->derived->rollup_add, 3, row->part);
    bind_int(&store->derived->rollup_add, 4, row->count);
    bind_int(&store->derived->rollup_add, 5, row->transmissions);
    enum status status = statement_run(&store->derived->rollup_add);
    if (status != STATUS_OK || (row->count >= 0 && row->transmissions >= 0))
        return status;
    bind_int(&store->derived->rollup_prune, 1, kind);
    bind_int(&store->derived->rollup_prune, 2, key);
    bind_int(&store->derived->rollup_prune, 3, row->part);
    return statement_run(&store->derived->rollup_prune);
}

enum status store_derive_write_edge(struct store *store, const struct delta *row)
{
    uint8_t bytes[6];
    const struct store_edge edge = {(uint32_t)(row->id >> 32), (uint32_t)row->id, row->part};
    store_bind_edge(&store->derived->edge_add, &edge, bytes);
    bind_int(&store->derived->edge_add, 4, row->count);
    bind_int(&store->derived->edge_add, 5, row->first_ms);
    bind_int(&store->derived->edge_add, 6, row->last_ms);
    return statement_run(&store->derived->edge_add);
}

static enum status write_deltas(struct store *store, struct deltas *deltas,
                                enum status (*write)(struct store *, const struct delta *))
{
    size_t count = 0;
    const struct delta *rows = deltas_sorted(deltas, &count);
    for (size_t i = 0; i < count; i++) {
        enum status status = write(store, &rows[i]);
        if (status != STATUS_OK)
            return status;
    }
    deltas_clear(deltas);
    return STATUS_OK;
}

enum status store_derive_write(struct store *store)
{
    const enum status status =
        write_deltas(store, &store->derived->rollups, store_derive_write_rollup);
    return status == STATUS_OK
               ? write_deltas(store, &store->derived->edges, store_derive_write_edge)
               : status;
}

enum status store_derive_make_room(struct store *store)
{
    if (deltas_room(&store->derived->rollups) >= RECORD_ROLLUPS &&
        deltas_room(&store->derived->edges) >= RECORD_EDGES)
        return STATUS_OK;
    return store_derive_write(store);
}
