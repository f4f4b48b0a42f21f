/* SPDX-License-Identifier: MIT
 *
 * The audit of adverts that were refused for their signature: one row a content hash with the frame, the
 * observer and the name of its earliest copy. How many copies came, the ledger counts: here a replay of the same
 * messages must change nothing. It also remembers the verdict, so that a forged advert is verified once, however
 * many observers hear it. */
#include "cmd/ingestor/store/store_internal.h"

#include "common/base/utf8.h"

static const struct store_sql_text sql_texts[] = {
    {SQL_DROP_FIND, "SELECT id FROM dropped_packets WHERE hash = ?1 AND reason = ?2"},
    {SQL_DROP_INSERT,
     "INSERT INTO dropped_packets (hash, reason, raw, observer, node_key, node_name, first_ms,"
     " last_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)"},
    /* Of equal times the smaller frame and identity, so that the order does not matter. */
    {SQL_DROP_AGAIN,
     "UPDATE dropped_packets SET raw = CASE WHEN (?2, ?3, ?4) < (first_ms, raw, observer) THEN ?3 ELSE raw END,"
     " observer = CASE WHEN (?2, ?3, ?4) < (first_ms, raw, observer) THEN ?4 ELSE observer END,"
     " first_ms = min(first_ms, ?2), last_ms = max(last_ms, ?2) WHERE id = ?1"},
    {SQL_DROP_PRUNE, "DELETE FROM dropped_packets WHERE id <= ?1"},
};

#define REASON "invalid signature"

enum status store_drop_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

enum status store_drop_again(struct store *store, const struct store_packet *packet, bool *out)
{
    *out = false;
    bind_blob(store, SQL_DROP_FIND, 1, packet->hash, MESHCORE_HASH_BYTES);
    bind_text(store, SQL_DROP_FIND, 2, REASON);
    int64_t id = 0;
    const enum status status = store_number(store, SQL_DROP_FIND, &id);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    *out = true;
    const struct envelope *envelope = packet->envelope;
    bind_int(store, SQL_DROP_AGAIN, 1, id);
    bind_int(store, SQL_DROP_AGAIN, 2, packet->receipt_ms);
    bind_blob(store, SQL_DROP_AGAIN, 3, envelope->packet.raw, envelope->packet.raw_len);
    bind_text(store, SQL_DROP_AGAIN, 4, envelope->observer);
    return store_run(store, SQL_DROP_AGAIN);
}

enum status store_drop_insert(struct store *store, const struct store_packet *packet)
{
    const struct envelope *envelope = packet->envelope;
    const struct meshcore_advert *advert = packet->advert;
    char name[STORE_IDENTITY_MAX] = "";
    bind_blob(store, SQL_DROP_INSERT, 1, packet->hash, MESHCORE_HASH_BYTES);
    bind_text(store, SQL_DROP_INSERT, 2, REASON);
    bind_blob(store, SQL_DROP_INSERT, 3, envelope->packet.raw, envelope->packet.raw_len);
    bind_text(store, SQL_DROP_INSERT, 4, envelope->observer);
    bind_blob(store, SQL_DROP_INSERT, 5, advert->public_key, MESHCORE_KEY_BYTES);
    if (advert->app_data_valid && advert->has_name &&
        utf8_clean(name, sizeof name, advert->name, advert->name_len) != 0)
        bind_text(store, SQL_DROP_INSERT, 6, name);
    bind_int(store, SQL_DROP_INSERT, 7, packet->receipt_ms);
    enum status status = store_run(store, SQL_DROP_INSERT);
    if (status != STATUS_OK)
        return status;
    bind_int(store, SQL_DROP_PRUNE, 1, sqlite3_last_insert_rowid(store->db) - STORE_DROPPED);
    return store_run(store, SQL_DROP_PRUNE);
}
