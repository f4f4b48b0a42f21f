/* SPDX-License-Identifier: MIT
 *
 * A status updates its observer's row and, when it measures anything, adds a row to observer_metrics.
 * Retained and "offline" statuses (the last will, sent by the broker, not by the device) are no proof of
 * life. A live status replaces what is known; a retained one, which may be months old, only when its own
 * time is newer than that of the status we have; else it fills gaps. */
#include "cmd/ingestor/store_internal.h"

#include "common/crypto.h"

#include <string.h>

/* A field that the message lacks keeps its old value in any case. */
#define TAKE(column, value)                                                                        \
    column " = CASE WHEN ?14 THEN coalesce(" value ", " column ") ELSE coalesce(" column           \
           ", " value ") END, "

static const struct store_sql_text sql_texts[] = {
    /* ?12 = the receipt where the status is a sign of life, else NULL; ?14 = replace, else fill gaps */
    /* clang-format off */
    {SQL_STATUS_UPDATE,
     "UPDATE observers SET status_count = status_count + 1, "
     TAKE("status", "?2") TAKE("model", "?3") TAKE("firmware", "?4") TAKE("client_version", "?5")
     TAKE("radio", "?6") TAKE("battery_mv", "?7") TAKE("uptime_secs", "?8") TAKE("noise_floor", "?9")
     TAKE("can_relay", "?10") TAKE("status_ms", "?11")
     "last_ms = CASE WHEN ?12 IS NULL THEN last_ms ELSE max(coalesce(last_ms, ?12), ?12) END,"
     " first_ms = min(first_ms, ?13) WHERE id = ?1"},
    /* clang-format on */
    {SQL_STATUS_TIME, "SELECT status_ms FROM observers WHERE id = ?1"},
    {SQL_METRICS_INSERT,
     "INSERT INTO observer_metrics (observer_id, envelope_ms, payload_hash, receipt_ms,"
     " battery_mv, uptime_secs, noise_floor, tx_air_secs, rx_air_secs, recv_errors, packets_sent,"
     " packets_recv, queue_len, errors) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
     " ?13, ?14) ON CONFLICT DO NOTHING"},
    /* Of two samples in five minutes the earlier one stays. */
    {SQL_METRICS_FIND,
     "SELECT 1 FROM observer_metrics WHERE observer_id = ?1 AND envelope_ms = ?2 AND"
     " payload_hash = ?3"},
    {SQL_METRICS_GIVE_WAY,
     "DELETE FROM observer_metrics WHERE observer_id = ?1 AND receipt_ms / 300000 = ?2 / 300000 AND"
     " (receipt_ms, payload_hash) > (?2, ?3)"},
    {SQL_SEEN_FIND, "SELECT receipt_ms FROM seen_messages WHERE hash = ?1"},
    /* REPLACE gives the row a new id: it moves to the end of the queue. */
    {SQL_SEEN_INSERT, "INSERT OR REPLACE INTO seen_messages (hash, receipt_ms) VALUES (?1, ?2)"},
    /* Two leave for each that enters, so the queue shrinks while there is anything to shed. */
    {SQL_SEEN_PRUNE,
     "DELETE FROM seen_messages WHERE id IN (SELECT id FROM seen_messages ORDER BY id LIMIT 2) AND"
     " (receipt_ms <= ?1 OR id <= ?2)"},
};

#define KEY_BYTES 8 /* of SHA-256: among the statuses of one observer, or of ten minutes */

enum status store_status_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

/* STATUS_EXISTS: the same topic and payload came within ten minutes. The clock may have jumped back, so
 * the distance counts, not its sign. */
static enum status see_message(struct store *store, const struct store_status *status_in)
{
    const struct ring_message *message = status_in->message;
    uint8_t hash[32];
    static const uint8_t separator = 0; /* a topic holds no NUL */
    const struct crypto_part parts[] = {{message->topic, message->topic_len},
                                        {&separator, 1},
                                        {message->payload, message->payload_len}};
    crypto_sha256(parts, ARRAY_LEN(parts), hash);
    bind_blob(store, SQL_SEEN_FIND, 1, hash, KEY_BYTES);
    enum status status = store_row(store, SQL_SEEN_FIND);
    if (status == STATUS_OK) {
        int64_t age = status_in->receipt_ms - sqlite3_column_int64(store->stmts[SQL_SEEN_FIND], 0);
        store_done(store, SQL_SEEN_FIND);
        if (age > -STORE_SEEN_MS && age < STORE_SEEN_MS)
            return STATUS_EXISTS;
    } else if (status != STATUS_NOT_FOUND) {
        return status;
    }
    bind_blob(store, SQL_SEEN_INSERT, 1, hash, KEY_BYTES);
    bind_int(store, SQL_SEEN_INSERT, 2, status_in->receipt_ms);
    status = store_run(store, SQL_SEEN_INSERT);
    if (status != STATUS_OK)
        return status;
    bind_int(store, SQL_SEEN_PRUNE, 1, status_in->receipt_ms - STORE_SEEN_MS);
    bind_int(store, SQL_SEEN_PRUNE, 2, sqlite3_last_insert_rowid(store->db) - STORE_SEEN_MESSAGES);
    return store_run(store, SQL_SEEN_PRUNE);
}

/* STATUS_EXISTS: this very sample is there already. */
static enum status make_way(struct store *store, int64_t observer_id, int64_t said_ms,
                            const uint8_t *hash, int64_t receipt_ms)
{
    bind_int(store, SQL_METRICS_FIND, 1, observer_id);
    bind_int(store, SQL_METRICS_FIND, 2, said_ms);
    bind_blob(store, SQL_METRICS_FIND, 3, hash, KEY_BYTES);
    enum status status = store_row(store, SQL_METRICS_FIND);
    if (status == STATUS_OK) {
        store_done(store, SQL_METRICS_FIND);
        return STATUS_EXISTS;
    }
    if (status != STATUS_NOT_FOUND)
        return status;
    bind_int(store, SQL_METRICS_GIVE_WAY, 1, observer_id);
    bind_int(store, SQL_METRICS_GIVE_WAY, 2, receipt_ms);
    bind_blob(store, SQL_METRICS_GIVE_WAY, 3, hash, KEY_BYTES);
    return store_run(store, SQL_METRICS_GIVE_WAY);
}

/* STATUS_EXISTS: this row is there already. */
static enum status insert_metrics(struct store *store, const struct store_status *status_in,
                                  int64_t observer_id)
{
    const struct envelope *envelope = status_in->envelope;
    const struct envelope_status *s = &envelope->status;
    const struct crypto_part payload = {status_in->message->payload,
                                        status_in->message->payload_len};
    uint8_t hash[32];
    crypto_sha256(&payload, 1, hash);
    int64_t said_ms = envelope->has_time ? envelope->envelope_ms : status_in->receipt_ms;
    enum status status = make_way(store, observer_id, said_ms, hash, status_in->receipt_ms);
    if (status != STATUS_OK)
        return status;
    bind_int(store, SQL_METRICS_INSERT, 1, observer_id);
    bind_int(store, SQL_METRICS_INSERT, 2, said_ms);
    bind_blob(store, SQL_METRICS_INSERT, 3, hash, KEY_BYTES);
    bind_int(store, SQL_METRICS_INSERT, 4, status_in->receipt_ms);
    const double values[] = {s->battery_mv,  s->uptime_secs, s->noise_floor,  s->tx_air_secs,
                             s->rx_air_secs, s->recv_errors, s->packets_sent, s->packets_recv,
                             s->queue_len,   s->errors};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        bind_real(store, SQL_METRICS_INSERT, 5 + (int)i, values[i]);
    return store_run(store, SQL_METRICS_INSERT);
}

/* "" = absent = keep the old value. */
static void bind_given(struct store *store, enum store_sql sql, int at, const char *text)
{
    if (text[0] != '\0')
        bind_text(store, sql, at, text);
}

static enum status update_observer(struct store *store, const struct store_status *status_in,
                                   int64_t observer_id, bool replaces)
{
    const enum store_sql sql = SQL_STATUS_UPDATE;
    const struct envelope *envelope = status_in->envelope;
    const struct envelope_status *s = &envelope->status;
    bool is_retained = (status_in->message->flags & RING_RETAIN) != 0;
    bind_int(store, sql, 1, observer_id);
    bind_given(store, sql, 2, s->status);
    bind_given(store, sql, 3, s->model);
    bind_given(store, sql, 4, s->firmware);
    bind_given(store, sql, 5, s->client_version);
    bind_given(store, sql, 6, s->radio);
    bind_real(store, sql, 7, s->battery_mv);
    bind_real(store, sql, 8, s->uptime_secs);
    bind_real(store, sql, 9, s->noise_floor);
    if (s->can_relay >= 0)
        bind_int(store, sql, 10, s->can_relay);
    bind_int(store, sql, 11, envelope->has_time ? envelope->envelope_ms : status_in->receipt_ms);
    if (!is_retained && strcmp(s->status, "offline") != 0)
        bind_int(store, sql, 12, status_in->receipt_ms);
    bind_int(store, sql, 13, status_in->receipt_ms);
    bind_int(store, sql, 14, replaces);
    return store_run(store, sql);
}

/* May this status replace what the observer's row says? */
static enum status is_authoritative(struct store *store, const struct store_status *status_in,
                                    int64_t observer_id, bool *out)
{
    const struct envelope *envelope = status_in->envelope;
    if ((status_in->message->flags & RING_RETAIN) == 0) {
        *out = true;
        return STATUS_OK;
    }
    *out = false;
    if (!envelope->has_time)
        return STATUS_OK;
    bind_int(store, SQL_STATUS_TIME, 1, observer_id);
    enum status status = store_row(store, SQL_STATUS_TIME);
    if (status != STATUS_OK) /* the row was found or made a moment ago */
        return status;
    sqlite3_stmt *stmt = store->stmts[SQL_STATUS_TIME];
    *out = sqlite3_column_type(stmt, 0) == SQLITE_NULL ||
           envelope->envelope_ms >= sqlite3_column_int64(stmt, 0);
    store_done(store, SQL_STATUS_TIME);
    return STATUS_OK;
}

/* STATUS_EXISTS = a redelivery. Retained metrics without a time of their own could be from any day: they
 * are kept in the observer's row at most, never as a point of a curve. */
static enum status store_once(struct store *store, const struct store_status *status_in,
                              int64_t observer_id)
{
    const struct envelope *envelope = status_in->envelope;
    bool has_key = envelope->status.has_metrics && envelope->has_time;
    if (has_key)
        return insert_metrics(store, status_in, observer_id);
    enum status status = see_message(store, status_in);
    bool is_live = (status_in->message->flags & RING_RETAIN) == 0;
    if (status == STATUS_OK && envelope->status.has_metrics && is_live)
        status = insert_metrics(store, status_in, observer_id);
    return status;
}

enum status store_status(struct store *store, const struct store_status *status_in,
                         struct store_result *out)
{
    *out = (struct store_result){.outcome = OUTCOME_COMMITTED};
    int64_t observer_id = 0;
    /* The metrics' key needs the observer's id. A redelivery finds the observer there: nothing is made. */
    enum status status = store_observer_resolve(store, status_in->envelope, status_in->receipt_ms,
                                                false, &observer_id, out);
    if (status != STATUS_OK)
        return status;
    status = store_once(store, status_in, observer_id);
    if (status == STATUS_EXISTS) {
        out->outcome = OUTCOME_DUPLICATE;
        return STATUS_OK;
    }
    bool replaces = false;
    if (status == STATUS_OK)
        status = is_authoritative(store, status_in, observer_id, &replaces);
    if (status == STATUS_OK && replaces)
        status = store_observer_resolve(store, status_in->envelope, status_in->receipt_ms, true,
                                        &observer_id, out);
    if (status == STATUS_OK)
        status = update_observer(store, status_in, observer_id, replaces);
    out->observer_upserted = status == STATUS_OK;
    return status;
}
