/* SPDX-License-Identifier: MIT
 *
 * A packet becomes at most one transmission (by content hash) and one observation (by who heard it on which
 * way). The usual cases cost: new transmission two inserts; known hash one insert, no look-up; a repeated
 * observation one refused insert and one update that finds nothing to fill. */
#include "cmd/ingestor/store_internal.h"

#include <math.h>
#include <string.h>

static const struct store_sql_text sql_texts[] = {
    {SQL_TRANSMISSION_FIND, "SELECT id, sender FROM transmissions WHERE hash = ?1"},
    /* 60 % of the packets are new: insert first and look only after a refusal. */
    {SQL_TRANSMISSION_INSERT,
     "INSERT INTO transmissions (hash, type, route, observation_count, first_ms, last_ms, sender,"
     " raw) VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5, ?6) ON CONFLICT (hash) DO NOTHING"},
    {SQL_OBSERVATION_INSERT,
     "INSERT INTO observations (transmission_id, observer_id, direction, path_size, path,"
     " source_id, receipt_ms, envelope_ms, snr, rssi, score) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
     " ?8, ?9, ?10, ?11) ON CONFLICT (transmission_id, observer_id, direction, path_size, path) DO"
     " NOTHING"},
    {SQL_OBSERVATION_FILL,
     "UPDATE observations SET snr = coalesce(snr, ?6), rssi = coalesce(rssi, ?7), score ="
     " coalesce(score, ?8) WHERE transmission_id = ?1 AND observer_id = ?2 AND direction = ?3 AND"
     " path_size = ?4 AND path = ?5 AND ((snr IS NULL AND ?6 IS NOT NULL) OR (rssi IS NULL AND ?7"
     " IS NOT NULL)   OR (score IS NULL AND ?8 IS NOT NULL))"},
};

enum status store_packet_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

/* Somebody else's advert, handed on by a person (protocol.md 1.2): no sign of life of its sender. */
static bool is_share_contact(const struct meshcore_frame *frame)
{
    return frame->route == MESHCORE_TRANSPORT_DIRECT && frame->transport[0] == 0 &&
           frame->transport[1] == 0 && frame->hop_count == 0;
}

static enum status find_transmission(struct store *store, const uint8_t *hash,
                                     struct hash_cache_entry *out)
{
    bind_blob(store, SQL_TRANSMISSION_FIND, 1, hash, MESHCORE_HASH_BYTES);
    enum status status = store_row(store, SQL_TRANSMISSION_FIND);
    if (status != STATUS_OK)
        return status;
    out->transmission_id = sqlite3_column_int64(store->stmts[SQL_TRANSMISSION_FIND], 0);
    out->sender =
        sqlite3_column_int64(store->stmts[SQL_TRANSMISSION_FIND], 1); /* NULL reads as 0 */
    store_done(store, SQL_TRANSMISSION_FIND);
    return STATUS_OK;
}

/* STATUS_EXISTS: the hash is known already, nothing was written. */
static enum status insert_transmission(struct store *store, const struct store_packet *packet,
                                       struct hash_cache_entry *entry)
{
    const struct envelope_packet *envelope = &packet->envelope->packet;
    bind_blob(store, SQL_TRANSMISSION_INSERT, 1, packet->hash, MESHCORE_HASH_BYTES);
    bind_int(store, SQL_TRANSMISSION_INSERT, 2, packet->frame->type);
    bind_int(store, SQL_TRANSMISSION_INSERT, 3, packet->frame->route);
    bind_int(store, SQL_TRANSMISSION_INSERT, 4, packet->receipt_ms);
    if (entry->sender != 0)
        bind_int(store, SQL_TRANSMISSION_INSERT, 5, entry->sender);
    bind_blob(store, SQL_TRANSMISSION_INSERT, 6, envelope->raw, envelope->raw_len);
    enum status status = store_run(store, SQL_TRANSMISSION_INSERT);
    if (status != STATUS_OK)
        return status;
    if (sqlite3_changes(store->db) == 0)
        return STATUS_EXISTS;
    entry->transmission_id = sqlite3_last_insert_rowid(store->db);
    store->record.counts.transmissions++;
    return STATUS_OK;
}

/* The sender's row first, because the transmission names it. */
static enum status insert_advert(struct store *store, const struct store_packet *packet,
                                 struct hash_cache_entry *entry, struct store_result *out)
{
    bool is_alive = !is_share_contact(packet->frame);
    enum status status =
        store_node_upsert(store, packet->advert, packet->receipt_ms, is_alive, &entry->sender);
    if (status != STATUS_OK)
        return status;
    out->node_upserted = true;
    return insert_transmission(store, packet, entry);
}

/* Fills entry. A bad signature: out->outcome says so, and nothing was written. */
static enum status resolve_transmission(struct store *store, const struct store_packet *packet,
                                        struct hash_cache_entry *entry, struct store_result *out)
{
    memcpy(&entry->hash, packet->hash, sizeof entry->hash);
    const struct hash_cache_entry *known = hash_cache_find(store->hashes, entry->hash);
    if (known != NULL) {
        *entry = *known;
        return STATUS_OK;
    }
    enum status status;
    if (packet->advert != NULL) {
        status = find_transmission(store, packet->hash, entry);
        if (status == STATUS_NOT_FOUND && !meshcore_advert_verify(packet->advert)) {
            out->outcome = OUTCOME_REJECTED_SIGNATURE;
            return STATUS_OK;
        }
        if (status != STATUS_NOT_FOUND)
            return status;
        status = insert_advert(store, packet, entry, out);
    } else {
        status = insert_transmission(store, packet, entry);
        if (status == STATUS_EXISTS)
            return find_transmission(store, packet->hash, entry);
    }
    if (status == STATUS_OK)
        out->is_new_transmission = true;
    return status;
}

static void bind_observation_key(struct store *store, enum store_sql sql, int64_t transmission_id,
                                 int64_t observer_id, const struct store_packet *packet)
{
    bind_int(store, sql, 1, transmission_id);
    bind_int(store, sql, 2, observer_id);
    bind_int(store, sql, 3, packet->envelope->packet.direction == DIRECTION_TX);
    bind_int(store, sql, 4, packet->frame->hash_size);
    bind_blob(store, sql, 5, packet->frame->path, packet->frame->path_bytes);
}

/* STATUS_EXISTS: known already. */
static enum status insert_observation(struct store *store, const struct store_packet *packet,
                                      int64_t transmission_id, int64_t observer_id,
                                      int64_t source_id)
{
    const struct envelope *envelope = packet->envelope;
    bind_observation_key(store, SQL_OBSERVATION_INSERT, transmission_id, observer_id, packet);
    bind_int(store, SQL_OBSERVATION_INSERT, 6, source_id);
    bind_int(store, SQL_OBSERVATION_INSERT, 7, packet->receipt_ms);
    if (envelope->has_time)
        bind_int(store, SQL_OBSERVATION_INSERT, 8, envelope->envelope_ms);
    bind_real(store, SQL_OBSERVATION_INSERT, 9, envelope->packet.snr);
    bind_real(store, SQL_OBSERVATION_INSERT, 10, envelope->packet.rssi);
    bind_real(store, SQL_OBSERVATION_INSERT, 11, envelope->packet.score);
    enum status status = store_run(store, SQL_OBSERVATION_INSERT);
    if (status != STATUS_OK)
        return status;
    return sqlite3_changes(store->db) != 0 ? STATUS_OK : STATUS_EXISTS;
}

static enum status fill_observation(struct store *store, const struct store_packet *packet,
                                    int64_t transmission_id, int64_t observer_id)
{
    const struct envelope_packet *envelope = &packet->envelope->packet;
    if (isnan(envelope->snr) && isnan(envelope->rssi) && isnan(envelope->score))
        return STATUS_OK;
    bind_observation_key(store, SQL_OBSERVATION_FILL, transmission_id, observer_id, packet);
    bind_real(store, SQL_OBSERVATION_FILL, 6, envelope->snr);
    bind_real(store, SQL_OBSERVATION_FILL, 7, envelope->rssi);
    bind_real(store, SQL_OBSERVATION_FILL, 8, envelope->score);
    return store_run(store, SQL_OBSERVATION_FILL);
}

/* Only called when the observation row was inserted: a duplicate moves nothing. */
static void note_presence(struct store *store, const struct store_packet *packet,
                          const struct hash_cache_entry *entry, int64_t observer_id, bool is_new)
{
    struct store_record *record = &store->record;
    struct presence_row row = {.id = observer_id,
                               .count = 1,
                               .first_ms = packet->receipt_ms,
                               .last_ms = packet->receipt_ms};
    record->observer = row;
    record->counts.observations++;
    if (is_new) /* its row, and its sender's, hold this observation already */
        return;
    row.id = entry->transmission_id;
    record->transmission = row;
    if (entry->sender != 0 && !is_share_contact(packet->frame)) {
        row.id = entry->sender;
        record->node = row;
    }
}

enum status store_packet(struct store *store, const struct store_packet *packet,
                         struct store_result *out)
{
    *out = (struct store_result){.outcome = OUTCOME_COMMITTED};
    struct hash_cache_entry entry = {0};
    int64_t observer_id = 0;
    int64_t source_id = 0;
    enum status status = resolve_transmission(store, packet, &entry, out);
    if (status != STATUS_OK || out->outcome == OUTCOME_REJECTED_SIGNATURE)
        return status;
    status = store_observer_resolve(store, packet->envelope, packet->receipt_ms, true, &observer_id,
                                    out);
    if (status != STATUS_OK)
        return status;
    status = store_source_resolve(store, packet->source, &source_id);
    if (status != STATUS_OK)
        return status;
    store->record.hash = entry;
    status = insert_observation(store, packet, entry.transmission_id, observer_id, source_id);
    if (status == STATUS_EXISTS) {
        out->outcome = OUTCOME_DUPLICATE;
        return fill_observation(store, packet, entry.transmission_id, observer_id);
    }
    if (status == STATUS_OK) {
        out->is_new_observation = true;
        note_presence(store, packet, &entry, observer_id, out->is_new_transmission);
    }
    return status;
}
