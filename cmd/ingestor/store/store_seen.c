/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_seen.h"

#include "common/base/crypto.h"

/* The newest so many stay, whatever their age. */
#define SEEN_MESSAGES 100000
#define SEEN_MS       (10 * 60 * INT64_C(1000))

struct store_seen_messages {
    struct statement find, insert, earlier, prune;
};

static const struct store_seen_messages blank = {
    .find = SQL("SELECT receipt_ms FROM seen_messages WHERE hash = ?1"),
    /* REPLACE gives the row a new id: it moves to the end of the queue. */
    .insert = SQL("INSERT OR REPLACE INTO seen_messages (hash, receipt_ms) VALUES (?1, ?2)"),
    .earlier = SQL("UPDATE seen_messages SET receipt_ms = ?2 WHERE hash = ?1"),
    /* Two leave for each that enters, so the queue shrinks while there is anything to shed. */
    .prune = SQL(
        "DELETE FROM seen_messages WHERE id IN (SELECT id FROM seen_messages ORDER BY id LIMIT 2) AND"
        " (receipt_ms <= ?1 OR id <= ?2)"),
};

enum status store_seen_open(struct store *store, struct err *err)
{
    store->seen = connection_part(&store->connection, &blank, sizeof blank,
                                  sizeof blank / sizeof(struct statement), err);
    return store->seen != NULL ? STATUS_OK : err->status;
}

static enum status remember(struct store *store, const uint8_t *hash, int64_t receipt_ms)
{
    bind_blob(&store->seen->insert, 1, hash, STORE_SEEN_BYTES);
    bind_int(&store->seen->insert, 2, receipt_ms);
    enum status status = statement_run(&store->seen->insert);
    if (status != STATUS_OK)
        return status;
    bind_int(&store->seen->prune, 1, receipt_ms - SEEN_MS);
    bind_int(&store->seen->prune, 2,
             sqlite3_last_insert_rowid(store->connection.db) - SEEN_MESSAGES);
    return statement_run(&store->seen->prune);
}

enum status store_see(struct store *store, const uint8_t *hash, int64_t receipt_ms,
                      struct store_seen *out)
{
    *out = (struct store_seen){.kind = SEEN_NEW};
    bind_blob(&store->seen->find, 1, hash, STORE_SEEN_BYTES);
    const enum status status = statement_number(&store->seen->find, &out->former_ms);
    if (status == STATUS_NOT_FOUND)
        return remember(store, hash, receipt_ms);
    if (status != STATUS_OK)
        return status;
    int64_t age = receipt_ms - out->former_ms;
    if (age <= -SEEN_MS || age >= SEEN_MS)
        return remember(store, hash, receipt_ms);
    out->kind = age < 0 ? SEEN_EARLIER : SEEN_LATER;
    if (age >= 0)
        return STATUS_OK;
    bind_blob(&store->seen->earlier, 1, hash, STORE_SEEN_BYTES);
    bind_int(&store->seen->earlier, 2, receipt_ms);
    return statement_run(&store->seen->earlier);
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
