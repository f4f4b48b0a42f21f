/* SPDX-License-Identifier: MIT
 *
 * What phones heard on the road. One row a phone, heard node and second (protocol.md 8). Two copies come when a
 * phone publishes to two brokers, one of which may strip the measurements: where and by which source is the
 * earlier copy's, SNR and RSSI are the greatest that any copy tells, so that the order of arrival does not
 * matter. Phones are no observers: no row is made for one. */
#include "cmd/ingestor/store/store_internal.h"

static const struct store_sql_text sql_texts[] = {
    {SQL_CLIENT_INSERT,
     "INSERT INTO client_receptions (client, heard, rx_ms, lat, lon, accuracy_m, snr, rssi,"
     " source_id, receipt_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
     " ON CONFLICT (client, heard, rx_ms) DO NOTHING"},
#define IF_EARLIER                                                                                 \
    "iif((?10, ?4, ?5, coalesce(?6, -1), ?11) < (receipt_ms, lat, lon, coalesce(accuracy_m, -1),"  \
    " (SELECT name FROM sources WHERE id = source_id)), "
    {SQL_CLIENT_MERGE,
     "UPDATE client_receptions SET lat = " IF_EARLIER "?4, lat), lon = " IF_EARLIER "?5, lon),"
     " accuracy_m = " IF_EARLIER "?6, accuracy_m), source_id = " IF_EARLIER "?9, source_id),"
     " receipt_ms = min(receipt_ms, ?10), snr = coalesce(max(snr, ?7), snr, ?7),"
     " rssi = coalesce(max(rssi, ?8), rssi, ?8) WHERE client = ?1 AND heard = ?2 AND rx_ms = ?3"},
};

enum status store_client_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

static void bind_reception(struct store *store, enum store_sql sql,
                           const struct store_message *message, const struct store_client *client,
                           int64_t source_id)
{
    const struct envelope_client *from = &message->envelope->client;
    bind_text(store, sql, 1, from->client);
    bind_blob(store, sql, 2, client->heard, client->heard_len);
    bind_int(store, sql, 3, client->rx_ms - client->rx_ms % 1000);
    bind_real(store, sql, 4, from->lat);
    bind_real(store, sql, 5, from->lon);
    bind_real(store, sql, 6, from->accuracy_m);
    bind_real(store, sql, 7, from->packet.snr);
    bind_real(store, sql, 8, from->packet.rssi);
    bind_int(store, sql, 9, source_id);
    bind_int(store, sql, 10, message->receipt_ms);
}

enum status store_client(struct store *store, const struct store_message *message,
                         const struct store_client *client, struct store_result *out)
{
    *out = (struct store_result){.outcome = OUTCOME_DUPLICATE};
    /* A retained one without a usable time of its own could be from any day: it got the receipt's. */
    if (store_is_retained(message->message) && client->rx_ms / 1000 == message->receipt_ms / 1000)
        return STATUS_OK;
    int64_t source_id = 0;
    enum status status = store_source_resolve(store, message->source, &source_id);
    if (status != STATUS_OK)
        return status;
    bind_reception(store, SQL_CLIENT_INSERT, message, client, source_id);
    status = store_run(store, SQL_CLIENT_INSERT);
    if (status != STATUS_OK)
        return status;
    if (sqlite3_changes(store->db) != 0) {
        out->outcome = OUTCOME_COMMITTED;
        return STATUS_OK;
    }
    bind_reception(store, SQL_CLIENT_MERGE, message, client, source_id);
    bind_text(store, SQL_CLIENT_MERGE, 11, message->source);
    return store_run(store, SQL_CLIENT_MERGE);
}
