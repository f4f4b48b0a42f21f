/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_node_observers.h"

#include "common/db/schema.h"

#include <math.h>

/* Of what a sender says; beyond it a sum could overflow. */
#define DB_MOST 1000.0

struct store_node_observers {
    struct statement add, subtract, remove, purge;
};

static const struct store_node_observers blank = {
    .add =
        SQL("INSERT INTO node_observers (node_id, observer_id, count, snr_n, snr_sum, rssi_n,"
            " rssi_sum, hops_sum, last_ms) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8)"
            " ON CONFLICT (node_id, observer_id) DO UPDATE SET count = count + 1, snr_n = snr_n +"
            " ?3, snr_sum = snr_sum + ?4, rssi_n = rssi_n + ?5, rssi_sum = rssi_sum + ?6,"
            " hops_sum = hops_sum + ?7, last_ms = max(last_ms, ?8)"),
    .subtract = SQL("UPDATE node_observers SET count = count - 1, snr_n = snr_n - ?3, snr_sum ="
                    " snr_sum - ?4, rssi_n = rssi_n - ?5, rssi_sum = rssi_sum - ?6, hops_sum ="
                    " hops_sum - ?7 WHERE node_id = ?1 AND observer_id = ?2 RETURNING count"),
    .remove = SQL("DELETE FROM node_observers WHERE node_id = ?1 AND observer_id = ?2"),
    .purge = SQL("DELETE FROM node_observers WHERE node_id = ?1 AND observer_id IN (SELECT"
                 " observer_id FROM node_observers WHERE node_id = ?1 LIMIT 50)"),
};

enum status store_node_observers_open(struct store *store, struct err *err)
{
    store->node_observers = connection_part(&store->connection, &blank, sizeof blank,
                                            sizeof blank / sizeof(struct statement), err);
    return store->node_observers != NULL ? STATUS_OK : err->status;
}

/* Two parameters: how many, and their sum in quarters. */
static void bind_db(struct statement *sql, int at, double db)
{
    const bool is_known = !isnan(db);
    bind_int(sql, at, is_known);
    bind_int(sql, at + 1, is_known ? llround(fmin(fmax(db, -DB_MOST), DB_MOST) * 4) : 0);
}

static void bind_reception(struct statement *sql, const struct store_reception *r)
{
    const bool is_invented = schema_is_invented_rf(r->snr, r->rssi);
    const bool has_hops = meshcore_has_hops(r->route, r->type) && r->hash_size != 0;
    bind_int(sql, 1, r->node_id);
    bind_int(sql, 2, r->observer_id);
    bind_db(sql, 3, is_invented ? (double)NAN : r->snr);
    bind_db(sql, 5, is_invented ? (double)NAN : r->rssi);
    bind_int(sql, 7, has_hops ? r->path_bytes / r->hash_size : 0);
}

/* At zero the row leaves. One that is missing (deleted with its node) is nobody's. */
static enum status subtract(struct store *store, const struct store_reception *r)
{
    struct store_node_observers *const rows = store->node_observers;
    int64_t count = 0;
    bind_reception(&rows->subtract, r);
    const enum status status = statement_number(&rows->subtract, &count);
    if (status != STATUS_OK || count > 0)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    bind_int(&rows->remove, 1, r->node_id);
    bind_int(&rows->remove, 2, r->observer_id);
    return statement_run(&rows->remove);
}

enum status store_node_observers_add(struct store *store, const struct store_reception *reception,
                                     int sign)
{
    if (reception->direction != DIRECTION_RX || reception->node_id == 0)
        return STATUS_OK;
    if (sign < 0)
        return subtract(store, reception);
    bind_reception(&store->node_observers->add, reception);
    bind_int(&store->node_observers->add, 8, reception->receipt_ms);
    return statement_run(&store->node_observers->add);
}

enum status store_node_observers_purge(struct store *store, int64_t node_id,
                                       struct store_slice *slice, int64_t *out_rows)
{
    struct statement *const purge = &store->node_observers->purge;
    bind_int(purge, 1, node_id);
    const enum status status = statement_run(purge);
    *out_rows = status == STATUS_OK ? sqlite3_changes(store->connection.db) : 0;
    slice->rows += *out_rows;
    slice->looked += *out_rows;
    return status;
}
