/* SPDX-License-Identifier: MIT
 *
 * Statements are made for each call: these run once per batch, or once per observer. */
#include "cmd/ingestor/store/store_tool.h"

#include "cmd/ingestor/store/store_core.h"
#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_observer.h"

/* Runs to its end; *out_changes may be NULL. */
static enum status finish(struct statement *once, int *out_changes)
{
    const enum status status = statement_run(once);
    if (status == STATUS_OK && out_changes != NULL)
        *out_changes = sqlite3_changes(once->connection->db);
    statements_finalize(once, 1);
    return status;
}

static enum status prepare(struct store *store, const char *sql, struct statement *out)
{
    *out = (struct statement){.sql = sql};
    return statements_prepare(&store->connection, out, 1, NULL);
}

/* --- facts from another database -------------------------------------------------------------- */

/* Of two the newer non-empty one stays; of two as old the greater one. ?12 = as_of_ms. */
#define NEWER(column, value)                                                                       \
    column " = CASE WHEN " value " IS NULL OR ?12 < " column "_ms OR (?12 = " column               \
           "_ms AND " column " IS NOT NULL AND " column " >= " value ") THEN " column              \
           " ELSE " value " END, " column "_ms = CASE WHEN " value " IS NULL THEN " column         \
           "_ms ELSE max(" column "_ms, ?12) END, "

static const char observer_insert[] =
    "INSERT INTO observers (identity, first_ms) VALUES (?1, coalesce(?13, ?14, ?12))"
    " ON CONFLICT (identity) DO NOTHING";
static const char observer_update[] =
    /* clang-format off */
    "UPDATE observers SET identity = iif(?1 COLLATE BINARY < identity, ?1, identity), "
    NEWER("name", "?2") NEWER("iata", "?3") NEWER("model", "?4") NEWER("firmware", "?5")
    NEWER("client_version", "?6") NEWER("radio", "?7") NEWER("battery_mv", "?8")
    NEWER("uptime_secs", "?9") NEWER("noise_floor", "?10") NEWER("can_relay", "?11")
    "first_ms = min(first_ms, coalesce(?13, first_ms)),"
    " last_ms = iif(?14 IS NULL, last_ms, " LAST_SEEN("last_ms", "?15", "?14") ")"
    " WHERE identity = ?1";
/* clang-format on */

static void bind_facts(struct statement *stmt, const char *identity,
                       const struct store_observer_facts *facts)
{
    bind_given(stmt, 1, identity);
    bind_int(stmt, 12, facts->as_of_ms);
    if (facts->first_ms > 0)
        bind_int(stmt, 13, facts->first_ms);
    if (facts->last_ms > 0)
        bind_int(stmt, 14, facts->last_ms);
}

static void bind_values(struct statement *stmt, const struct store_observer_facts *facts)
{
    bind_given(stmt, 2, facts->name);
    bind_given(stmt, 3, facts->iata);
    bind_given(stmt, 4, facts->model);
    bind_given(stmt, 5, facts->firmware);
    bind_given(stmt, 6, facts->client_version);
    bind_given(stmt, 7, facts->radio);
    bind_real(stmt, 8, facts->battery_mv);
    bind_real(stmt, 9, facts->uptime_secs);
    bind_real(stmt, 10, facts->noise_floor);
    if (facts->can_relay >= 0)
        bind_int(stmt, 11, facts->can_relay);
}

static enum status count_observer(struct store *store)
{
    struct statement stmt;
    const enum status status =
        prepare(store, "UPDATE meta SET observers = observers + 1 WHERE id = 1", &stmt);
    return status == STATUS_OK ? finish(&stmt, NULL) : status;
}

enum status store_observer_facts(struct store *store, const struct store_observer_facts *facts,
                                 bool *out_is_new)
{
    int changes = 0;
    struct statement stmt;
    char identity[STORE_IDENTITY_MAX];
    IGNORE(store_observer_canonicalize(identity, facts->identity), "only the spelling counts");
    enum status status = prepare(store, observer_insert, &stmt);
    if (status != STATUS_OK)
        return status;
    bind_facts(&stmt, identity, facts);
    status = finish(&stmt, &changes);
    if (status == STATUS_OK && changes > 0)
        status = count_observer(store);
    if (status == STATUS_OK)
        status = prepare(store, observer_update, &stmt);
    if (status != STATUS_OK)
        return status;
    bind_facts(&stmt, identity, facts);
    bind_values(&stmt, facts);
    bind_int(&stmt, 15, store->now_ms);
    *out_is_new = changes > 0;
    return finish(&stmt, NULL);
}

enum status store_metrics_facts(struct store *store, const struct store_metrics_facts *facts,
                                bool *out_is_new)
{
    struct statement stmt;
    int changes = 0;
    enum status status =
        prepare(store,
                "INSERT INTO observer_metrics (observer_id, envelope_ms, payload_hash, receipt_ms,"
                " battery_mv, noise_floor, tx_air_secs, rx_air_secs, recv_errors, packets_sent,"
                " packets_recv) SELECT id, ?2, zeroblob(8), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
                " FROM observers WHERE identity = ?1 ON CONFLICT DO NOTHING",
                &stmt);
    if (status != STATUS_OK)
        return status;
    const double values[] = {facts->battery_mv,  facts->noise_floor, facts->tx_air_secs,
                             facts->rx_air_secs, facts->recv_errors, facts->packets_sent,
                             facts->packets_recv};
    bind_given(&stmt, 1, facts->identity);
    bind_int(&stmt, 2, facts->slot_ms);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        bind_real(&stmt, 3 + (int)i, values[i]);
    status = finish(&stmt, &changes);
    if (status == STATUS_OK)
        *out_is_new = changes > 0;
    return status;
}

enum status store_node_seen(struct store *store, const uint8_t key[static MESHCORE_KEY_BYTES],
                            int64_t first_ms, bool *out_is_known)
{
    int changes = 0;
    struct statement stmt;
    enum status status =
        prepare(store,
                "UPDATE nodes SET first_ms = min(first_ms, coalesce(nullif(?2, 0), first_ms))"
                " WHERE public_key = ?1",
                &stmt);
    if (status != STATUS_OK)
        return status;
    bind_blob(&stmt, 1, key, MESHCORE_KEY_BYTES);
    bind_int(&stmt, 2, first_ms);
    status = finish(&stmt, &changes);
    *out_is_known = changes > 0;
    return status;
}

/* --- behind the messages ---------------------------------------------------------------------- */

#define LATE_ROWS 20000

static enum status count_piece(struct store *store, int64_t until, bool *out_at_end)
{
    struct store_slice slice = {.until = INT64_MAX, .rows_max = LATE_ROWS};
    enum status status = store_begin(store, true);
    if (status == STATUS_OK)
        status = store_late_count(store, until, &slice, out_at_end);
    if (status == STATUS_OK)
        return store_commit(store);
    store_rollback(store);
    return status;
}

enum status store_tool_count_late(struct store *store)
{
    struct store_late_state state;
    enum status status = store_late_state(store, &state);
    bool at_end = false;
    while (status == STATUS_OK && !at_end)
        status = count_piece(store, state.newest, &at_end);
    return status;
}

/* --- counts ----------------------------------------------------------------------------------- */

enum status store_derived_counts(struct store *store, struct store_derived *out)
{
    struct statement stmt;
    enum status status = prepare(store,
                                 "SELECT (SELECT count(*) FROM channels),"
                                 " (SELECT count(*) FROM channels WHERE is_encrypted = 0),"
                                 " count(*), count(text) FROM messages",
                                 &stmt);
    if (status != STATUS_OK)
        return status;
    status = statement_row(&stmt);
    if (status == STATUS_OK)
        *out = (struct store_derived){.channels = column_int(&stmt, 0),
                                      .readable_channels = column_int(&stmt, 1),
                                      .messages = column_int(&stmt, 2),
                                      .readable_messages = column_int(&stmt, 3)};
    statements_finalize(&stmt, 1);
    return status;
}
