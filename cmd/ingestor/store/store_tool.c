/* SPDX-License-Identifier: MIT
 *
 * Statements are made for each call: these run once a batch, or once an observer. */
#include "cmd/ingestor/store/store_tool.h"

#include "cmd/ingestor/store/store_internal.h"

#include <math.h>

static enum status prepare(struct store *store, const char *sql, sqlite3_stmt **out)
{
    const int rc = sqlite3_prepare_v2(store->db, sql, -1, out, NULL);
    return rc == SQLITE_OK ? STATUS_OK : store_fail(store, rc);
}

/* A bind fails for a wrong index, which the first test finds, or for want of memory, which static text and
 * numbers do not need. */
static void bind_number(sqlite3_stmt *stmt, int at, int64_t value)
{
    IGNORE(sqlite3_bind_int64(stmt, at, value), "see above");
}

static void bind_words(sqlite3_stmt *stmt, int at, const char *text)
{
    if (text != NULL && text[0] != '\0')
        IGNORE(sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC), "see above");
}

static void bind_measure(sqlite3_stmt *stmt, int at, double value)
{
    if (!isnan(value))
        IGNORE(sqlite3_bind_double(stmt, at, value), "see above");
}

/* Runs to its end; *out_changes may be NULL. */
static enum status finish(struct store *store, sqlite3_stmt *stmt, int *out_changes)
{
    const int rc = sqlite3_step(stmt);
    enum status status = STATUS_OK;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        status = store_fail(store, rc);
    else if (out_changes != NULL)
        *out_changes = sqlite3_changes(store->db);
    IGNORE(sqlite3_finalize(stmt), "repeats the step's result");
    return status;
}

/* --- facts from another database ------------------------------------------------------------------------ */

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
    " last_ms = CASE WHEN ?14 IS NULL THEN last_ms ELSE max(coalesce(last_ms, ?14), ?14) END"
    " WHERE identity = ?1";
/* clang-format on */

static void bind_facts(sqlite3_stmt *stmt, const char *identity,
                       const struct store_observer_facts *facts)
{
    bind_words(stmt, 1, identity);
    bind_number(stmt, 12, facts->as_of_ms);
    if (facts->first_ms > 0)
        bind_number(stmt, 13, facts->first_ms);
    if (facts->last_ms > 0)
        bind_number(stmt, 14, facts->last_ms);
}

static void bind_values(sqlite3_stmt *stmt, const struct store_observer_facts *facts)
{
    bind_words(stmt, 2, facts->name);
    bind_words(stmt, 3, facts->iata);
    bind_words(stmt, 4, facts->model);
    bind_words(stmt, 5, facts->firmware);
    bind_words(stmt, 6, facts->client_version);
    bind_words(stmt, 7, facts->radio);
    bind_measure(stmt, 8, facts->battery_mv);
    bind_measure(stmt, 9, facts->uptime_secs);
    bind_measure(stmt, 10, facts->noise_floor);
    if (facts->can_relay >= 0)
        bind_number(stmt, 11, facts->can_relay);
}

static enum status count_observer(struct store *store)
{
    sqlite3_stmt *stmt = NULL;
    const enum status status =
        prepare(store, "UPDATE meta SET observers = observers + 1 WHERE id = 1", &stmt);
    return status == STATUS_OK ? finish(store, stmt, NULL) : status;
}

enum status store_observer_facts(struct store *store, const struct store_observer_facts *facts,
                                 bool *out_is_new)
{
    int changes = 0;
    sqlite3_stmt *stmt = NULL;
    char identity[STORE_IDENTITY_MAX];
    IGNORE(store_observer_spell(identity, facts->identity), "only the spelling counts");
    enum status status = prepare(store, observer_insert, &stmt);
    if (status != STATUS_OK)
        return status;
    bind_facts(stmt, identity, facts);
    status = finish(store, stmt, &changes);
    if (status == STATUS_OK && changes > 0)
        status = count_observer(store);
    if (status == STATUS_OK)
        status = prepare(store, observer_update, &stmt);
    if (status != STATUS_OK)
        return status;
    bind_facts(stmt, identity, facts);
    bind_values(stmt, facts);
    *out_is_new = changes > 0;
    return finish(store, stmt, NULL);
}

enum status store_metrics_facts(struct store *store, const struct store_metrics_facts *facts,
                                bool *out_is_new)
{
    sqlite3_stmt *stmt = NULL;
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
    bind_words(stmt, 1, facts->identity);
    bind_number(stmt, 2, facts->slot_ms);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        bind_measure(stmt, 3 + (int)i, values[i]);
    status = finish(store, stmt, &changes);
    if (status == STATUS_OK)
        *out_is_new = changes > 0;
    return status;
}

enum status store_node_seen(struct store *store, const uint8_t key[static MESHCORE_KEY_BYTES],
                            int64_t first_ms)
{
    sqlite3_stmt *stmt = NULL;
    const enum status status = prepare(
        store, "UPDATE nodes SET first_ms = min(first_ms, ?2) WHERE public_key = ?1", &stmt);
    if (status != STATUS_OK)
        return status;
    IGNORE(sqlite3_bind_blob(stmt, 1, key, MESHCORE_KEY_BYTES, SQLITE_STATIC), "see bind_number");
    bind_number(stmt, 2, first_ms);
    return finish(store, stmt, NULL);
}

/* --- counts --------------------------------------------------------------------------------------------- */

enum status store_derived_counts(struct store *store, struct store_derived *out)
{
    sqlite3_stmt *stmt = NULL;
    enum status status = prepare(store,
                                 "SELECT (SELECT count(*) FROM channels),"
                                 " (SELECT count(*) FROM channels WHERE is_encrypted = 0),"
                                 " count(*), count(text) FROM messages",
                                 &stmt);
    if (status != STATUS_OK)
        return status;
    const int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out = (struct store_derived){.channels = sqlite3_column_int64(stmt, 0),
                                      .readable_channels = sqlite3_column_int64(stmt, 1),
                                      .messages = sqlite3_column_int64(stmt, 2),
                                      .readable_messages = sqlite3_column_int64(stmt, 3)};
    else
        status = store_fail(store, rc);
    IGNORE(sqlite3_finalize(stmt), "repeats the step's result");
    return status;
}
