/* SPDX-License-Identifier: MIT
 *
 * Redeliveries of messages that have no key of their own: the same words within ten minutes. The distance
 * counts, not its sign: the clock may have jumped back, and rings of two sources are not drained in the order
 * of their receipts. Of the copies the earliest is the one that counts, whichever was stored first. */
#include "cmd/ingestor/store/store_internal.h"

#include "common/base/crypto.h"

static const struct store_sql_text sql_texts[] = {
    {SQL_SEEN_FIND, "SELECT receipt_ms FROM seen_messages WHERE hash = ?1"},
    /* REPLACE gives the row a new id: it moves to the end of the queue. */
    {SQL_SEEN_INSERT, "INSERT OR REPLACE INTO seen_messages (hash, receipt_ms) VALUES (?1, ?2)"},
    {SQL_SEEN_EARLIER, "UPDATE seen_messages SET receipt_ms = ?2 WHERE hash = ?1"},
    /* Two leave for each that enters, so the queue shrinks while there is anything to shed. */
    {SQL_SEEN_PRUNE,
     "DELETE FROM seen_messages WHERE id IN (SELECT id FROM seen_messages ORDER BY id LIMIT 2) AND"
     " (receipt_ms <= ?1 OR id <= ?2)"},
};

enum status store_seen_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

static enum status remember(struct store *store, const uint8_t *hash, int64_t receipt_ms)
{
    bind_blob(store, SQL_SEEN_INSERT, 1, hash, STORE_SEEN_BYTES);
    bind_int(store, SQL_SEEN_INSERT, 2, receipt_ms);
    enum status status = store_run(store, SQL_SEEN_INSERT);
    if (status != STATUS_OK)
        return status;
    bind_int(store, SQL_SEEN_PRUNE, 1, receipt_ms - STORE_SEEN_MS);
    bind_int(store, SQL_SEEN_PRUNE, 2, sqlite3_last_insert_rowid(store->db) - STORE_SEEN_MESSAGES);
    return store_run(store, SQL_SEEN_PRUNE);
}

enum status store_see(struct store *store, const uint8_t *hash, int64_t receipt_ms,
                      struct store_seen *out)
{
    *out = (struct store_seen){.kind = SEEN_NEW};
    bind_blob(store, SQL_SEEN_FIND, 1, hash, STORE_SEEN_BYTES);
    const enum status status = store_number(store, SQL_SEEN_FIND, &out->former_ms);
    if (status == STATUS_NOT_FOUND)
        return remember(store, hash, receipt_ms);
    if (status != STATUS_OK)
        return status;
    int64_t age = receipt_ms - out->former_ms;
    if (age <= -STORE_SEEN_MS || age >= STORE_SEEN_MS)
        return remember(store, hash, receipt_ms);
    out->kind = age < 0 ? SEEN_EARLIER : SEEN_LATER;
    if (age >= 0)
        return STATUS_OK;
    bind_blob(store, SQL_SEEN_EARLIER, 1, hash, STORE_SEEN_BYTES);
    bind_int(store, SQL_SEEN_EARLIER, 2, receipt_ms);
    return store_run(store, SQL_SEEN_EARLIER);
}

enum status store_see_message(struct store *store, const struct ring_message *message,
                              int64_t receipt_ms, struct store_seen *out)
{
    uint8_t hash[32];
    /* A topic holds no NUL. A retained copy must not hide the live one. */
    const uint8_t separator[2] = {0, store_is_retained(message)};
    const struct crypto_part parts[] = {{message->topic, message->topic_len},
                                        {separator, sizeof separator},
                                        {message->payload, message->payload_len}};
    crypto_sha256(parts, ARRAY_LEN(parts), hash);
    return store_see(store, hash, receipt_ms, out);
}

bool store_is_retained(const struct ring_message *message)
{
    return (message->flags & RING_RETAIN) != 0;
}

int64_t store_as_of(const struct ring_message *message, const struct envelope *envelope,
                    int64_t receipt_ms)
{
    return store_is_retained(message) ? store_retained_as_of(envelope, receipt_ms) : receipt_ms;
}

int64_t store_retained_as_of(const struct envelope *envelope, int64_t receipt_ms)
{
    if (!envelope->has_time || envelope->envelope_ms < 0)
        return 0;
    return envelope->envelope_ms < receipt_ms ? envelope->envelope_ms : receipt_ms;
}
