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
            " rssi_sum, hops_sum, last_ms) VALUES (?1, ?2, ?9, ?3, ?4, ?5, ?6, ?7, ?8)"
            " ON CONFLICT (node_id, observer_id) DO UPDATE SET count = count + ?9, snr_n = snr_n +"
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

/* What receptions add to a row: how many, and a sum of theirs (store_node_observers.h). */
struct share {
    int64_t n, sum;
};
struct shares {
    struct share of[STORE_HEARD_PARTS];
    int64_t last_ms;
};

static struct share db_share(double db)
{
    if (isnan(db))
        return (struct share){0, 0};
    return (struct share){1, llround(fmin(fmax(db, -DB_MOST), DB_MOST) * 4)};
}

static struct shares shares_of(const struct store_reception *r)
{
    const bool is_invented = schema_is_invented_rf(r->snr, r->rssi);
    const bool has_hops = meshcore_has_hops(r->route, r->type) && r->hash_size != 0;
    return (struct shares){.of = {[HEARD_HOPS] = {1, has_hops ? r->path_bytes / r->hash_size : 0},
                                  [HEARD_SNR] = db_share(is_invented ? (double)NAN : r->snr),
                                  [HEARD_RSSI] = db_share(is_invented ? (double)NAN : r->rssi)},
                           .last_ms = r->receipt_ms};
}

static void bind_shares(struct statement *sql, int64_t node_id, int64_t observer_id,
                        const struct shares *shares)
{
    bind_int(sql, 1, node_id);
    bind_int(sql, 2, observer_id);
    bind_int(sql, 3, shares->of[HEARD_SNR].n);
    bind_int(sql, 4, shares->of[HEARD_SNR].sum);
    bind_int(sql, 5, shares->of[HEARD_RSSI].n);
    bind_int(sql, 6, shares->of[HEARD_RSSI].sum);
    bind_int(sql, 7, shares->of[HEARD_HOPS].sum);
}

static enum status add(struct store *store, int64_t node_id, int64_t observer_id,
                       const struct shares *shares)
{
    struct statement *const sql = &store->node_observers->add;
    bind_shares(sql, node_id, observer_id, shares);
    bind_int(sql, 8, shares->last_ms);
    bind_int(sql, 9, shares->of[HEARD_HOPS].n);
    return statement_run(sql);
}

/* At zero the row leaves. One that is missing (deleted with its node) is nobody's. */
static enum status subtract(struct store *store, const struct store_reception *r)
{
    struct store_node_observers *const rows = store->node_observers;
    int64_t count = 0;
    const struct shares shares = shares_of(r);
    bind_shares(&rows->subtract, r->node_id, r->observer_id, &shares);
    const enum status status = statement_number(&rows->subtract, &count);
    if (status != STATUS_OK || count > 0)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    bind_int(&rows->remove, 1, r->node_id);
    bind_int(&rows->remove, 2, r->observer_id);
    return statement_run(&rows->remove);
}

static bool is_heard(const struct store_reception *r)
{
    return r->direction == DIRECTION_RX && r->node_id != 0;
}

enum status store_node_observers_add(struct store *store, const struct store_reception *reception,
                                     int sign)
{
    if (!is_heard(reception))
        return STATUS_OK;
    if (sign < 0)
        return subtract(store, reception);
    const struct shares shares = shares_of(reception);
    return add(store, reception->node_id, reception->observer_id, &shares);
}

void store_node_observers_gather(struct deltas *into, const struct store_reception *reception)
{
    if (!is_heard(reception))
        return;
    const struct shares shares = shares_of(reception);
    for (int i = 0; i < STORE_HEARD_PARTS; i++) {
        const struct delta row = {.id = reception->node_id,
                                  .part = reception->observer_id * STORE_HEARD_PARTS + i,
                                  .count = shares.of[i].n,
                                  .transmissions = shares.of[i].sum,
                                  .first_ms = shares.last_ms,
                                  .last_ms = shares.last_ms};
        const bool is_added = deltas_add(into, &row);
        assert(is_added); /* store_late.c made room */
        (void)is_added;
    }
}

enum status store_node_observers_write(struct store *store, const struct delta *rows, size_t count)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count;) {
        const int64_t node_id = rows[i].id;
        const int64_t observer_id = rows[i].part / STORE_HEARD_PARTS;
        struct shares shares = {.last_ms = rows[i].last_ms};
        for (;
             i < count && rows[i].id == node_id && rows[i].part / STORE_HEARD_PARTS == observer_id;
             i++)
            shares.of[rows[i].part % STORE_HEARD_PARTS] =
                (struct share){rows[i].count, rows[i].transmissions};
        status = add(store, node_id, observer_id, &shares);
    }
    return status;
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
