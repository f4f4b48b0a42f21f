/* SPDX-License-Identifier: MIT
 *
 * The flusher's half of the ledger. uint64 counters are kept as int64: they count messages and bytes since
 * a ring was made, and 2^63 of either is centuries away. */
#include "cmd/ingestor/store/store_internal.h"

#include "cmd/ingestor/shared/outcome_text.h"
#include "common/base/utf8.h"

#include <string.h>

static const struct store_sql_text sql_texts[] = {
    {SQL_CURSOR_LOAD,
     "SELECT chain, source, created_ms, next_offset, next_number, consumed, recovered FROM"
     " ring_cursors WHERE uuid = ?1"},
    {SQL_CURSOR_SAVE,
     "INSERT INTO ring_cursors (uuid, chain, source, created_ms, next_offset, next_number,"
     " consumed, recovered) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (uuid) DO UPDATE"
     " SET next_offset = excluded.next_offset, next_number = excluded.next_number, consumed ="
     " excluded.consumed, recovered = excluded.recovered"},
    {SQL_OUTCOMES_LOAD, "SELECT outcome, n FROM ring_outcomes WHERE uuid = ?1"},
    {SQL_OUTCOME_SAVE, "INSERT INTO ring_outcomes (uuid, outcome, n) VALUES (?1, ?2, ?3) ON"
                       " CONFLICT (uuid, outcome) DO UPDATE SET n = excluded.n"},
    {SQL_CHAIN_TOTALS,
     "SELECT coalesce(sum(consumed), 0), coalesce(sum(recovered), 0) FROM ring_cursors WHERE chain"
     " = ?1 AND uuid IS NOT ?2"},
    {SQL_CHAIN_OUTCOMES,
     "SELECT o.outcome, sum(o.n) FROM ring_cursors c JOIN ring_outcomes o ON o.uuid = c.uuid WHERE"
     " c.chain = ?1 AND c.uuid IS NOT ?2 GROUP BY o.outcome"},
    {SQL_CLOSE_CHAIN, "INSERT INTO chain_receivers (chain, received, appended) VALUES (?1, ?2, ?3)"
                      " ON CONFLICT (chain) DO UPDATE SET received = excluded.received, appended ="
                      " excluded.appended"},
    {SQL_CLOSE_OUTCOME, "INSERT INTO chain_outcomes (chain, outcome, n) VALUES (?1, ?2, ?3) ON"
                        " CONFLICT (chain, outcome) DO UPDATE SET n = excluded.n"},
    /* The chain's source and age stand with its rings. */
    {SQL_CLOSED_LIST,
     "SELECT r.chain, r.received, r.appended, coalesce(max(c.source), ''),"
     " coalesce(min(c.created_ms), 0) FROM chain_receivers r LEFT JOIN ring_cursors c ON c.chain ="
     " r.chain GROUP BY r.chain ORDER BY r.chain"},
    {SQL_CLOSED_OUTCOMES, "SELECT outcome, n FROM chain_outcomes WHERE chain = ?1"},
    {SQL_DEAD_INSERT, "INSERT INTO dead_letter (source, topic, payload, receipt_ms, reason) VALUES"
                      " (?1, ?2, ?3, ?4, ?5)"},
    {SQL_DEAD_PRUNE, "DELETE FROM dead_letter WHERE id <= ?1"},
};

enum status store_ring_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

/* --- outcomes by name ---------------------------------------------------------------------------------- */

#define OUTCOME_NAME_MAX 48

/* Reads (name, n) rows until the end, then resets. A name that this program does not know was written by a
 * newer one; its row stays. */
static enum status read_outcomes(struct store *store, enum store_sql sql, uint64_t *outcomes)
{
    sqlite3_stmt *stmt = store->stmts[sql];
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(stmt, 0);
        for (size_t i = 0; text != NULL && i < OUTCOME_COUNT; i++) {
            char name[OUTCOME_NAME_MAX];
            if (strcmp(outcome_name((enum outcome)i, name, sizeof name), (const char *)text) == 0)
                outcomes[i] = (uint64_t)sqlite3_column_int64(stmt, 1);
        }
    }
    enum status status = rc == SQLITE_DONE ? STATUS_OK : store_fail(store, rc);
    store_done(store, sql);
    return status;
}

static enum status write_outcome(struct store *store, enum store_sql sql, const uint8_t *owner,
                                 size_t outcome, uint64_t n)
{
    char name[OUTCOME_NAME_MAX];
    bind_blob(store, sql, 1, owner, RING_UUID_BYTES);
    bind_text(store, sql, 2, outcome_name((enum outcome)outcome, name, sizeof name));
    bind_int(store, sql, 3, (int64_t)n);
    return store_run(store, sql);
}

/* --- cursors ------------------------------------------------------------------------------------------- */

/* What the database holds for this ring; a recycled one starts at zero, and then every outcome is written
 * once more, which is right because they are absolute. */
static struct store_ring_baseline *baseline_of(struct store *store, const uint8_t *uuid)
{
    for (size_t i = 0; i < STORE_RINGS; i++)
        if (store->rings[i].is_used && memcmp(store->rings[i].uuid, uuid, RING_UUID_BYTES) == 0)
            return &store->rings[i];
    struct store_ring_baseline *ring = &store->rings[store->next_ring];
    store->next_ring = (store->next_ring + 1) % STORE_RINGS;
    memset(ring, 0, sizeof *ring);
    memcpy(ring->uuid, uuid, RING_UUID_BYTES);
    ring->is_used = true;
    return ring;
}

static void copy_blob(sqlite3_stmt *stmt, int column, uint8_t out[static RING_UUID_BYTES])
{
    const void *bytes = sqlite3_column_blob(stmt, column);
    memset(out, 0, RING_UUID_BYTES);
    if (bytes != NULL && sqlite3_column_bytes(stmt, column) == RING_UUID_BYTES)
        memcpy(out, bytes, RING_UUID_BYTES);
}

enum status store_cursor_load(struct store *store, const uint8_t uuid[static RING_UUID_BYTES],
                              struct store_ring *out)
{
    struct store_ring ring = {0};
    bind_blob(store, SQL_CURSOR_LOAD, 1, uuid, RING_UUID_BYTES);
    enum status status = store_row(store, SQL_CURSOR_LOAD);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *stmt = store->stmts[SQL_CURSOR_LOAD];
    memcpy(ring.uuid, uuid, RING_UUID_BYTES);
    copy_blob(stmt, 0, ring.chain);
    copy_column(ring.source, sizeof ring.source, stmt, 1);
    ring.created_ms = sqlite3_column_int64(stmt, 2);
    ring.cursor.offset = (uint64_t)sqlite3_column_int64(stmt, 3);
    ring.cursor.number = (uint64_t)sqlite3_column_int64(stmt, 4);
    ring.tuple.consumed = (uint64_t)sqlite3_column_int64(stmt, 5);
    ring.tuple.recovered = (uint64_t)sqlite3_column_int64(stmt, 6);
    store_done(store, SQL_CURSOR_LOAD);
    bind_blob(store, SQL_OUTCOMES_LOAD, 1, uuid, RING_UUID_BYTES);
    status = read_outcomes(store, SQL_OUTCOMES_LOAD, ring.tuple.outcomes);
    if (status != STATUS_OK)
        return status;
    memcpy(baseline_of(store, uuid)->outcomes, ring.tuple.outcomes, sizeof ring.tuple.outcomes);
    *out = ring;
    return STATUS_OK;
}

enum status store_cursor_save(struct store *store, const struct store_ring *ring)
{
    bind_blob(store, SQL_CURSOR_SAVE, 1, ring->uuid, RING_UUID_BYTES);
    bind_blob(store, SQL_CURSOR_SAVE, 2, ring->chain, RING_UUID_BYTES);
    bind_text(store, SQL_CURSOR_SAVE, 3, ring->source);
    bind_int(store, SQL_CURSOR_SAVE, 4, ring->created_ms);
    bind_int(store, SQL_CURSOR_SAVE, 5, (int64_t)ring->cursor.offset);
    bind_int(store, SQL_CURSOR_SAVE, 6, (int64_t)ring->cursor.number);
    bind_int(store, SQL_CURSOR_SAVE, 7, (int64_t)ring->tuple.consumed);
    bind_int(store, SQL_CURSOR_SAVE, 8, (int64_t)ring->tuple.recovered);
    enum status status = store_run(store, SQL_CURSOR_SAVE);
    /* A baseline ahead of the database can't survive: a failure here ends in store_forget. */
    struct store_ring_baseline *known = baseline_of(store, ring->uuid);
    for (size_t i = 0; status == STATUS_OK && i < OUTCOME_COUNT; i++) {
        if (ring->tuple.outcomes[i] == known->outcomes[i])
            continue;
        status = write_outcome(store, SQL_OUTCOME_SAVE, ring->uuid, i, ring->tuple.outcomes[i]);
        known->outcomes[i] = ring->tuple.outcomes[i];
    }
    return status;
}

/* --- chains -------------------------------------------------------------------------------------------- */

static void bind_chain(struct store *store, enum store_sql sql, const uint8_t *chain,
                       const uint8_t *except)
{
    bind_blob(store, sql, 1, chain, RING_UUID_BYTES);
    if (except != NULL)
        bind_blob(store, sql, 2, except, RING_UUID_BYTES);
}

enum status store_chain_sum(struct store *store, const uint8_t chain[static RING_UUID_BYTES],
                            const uint8_t *except, struct flusher_tuple *out)
{
    struct flusher_tuple sum = {0};
    bind_chain(store, SQL_CHAIN_TOTALS, chain, except);
    enum status status = store_row(store, SQL_CHAIN_TOTALS);
    if (status != STATUS_OK)
        return status;
    sum.consumed = (uint64_t)sqlite3_column_int64(store->stmts[SQL_CHAIN_TOTALS], 0);
    sum.recovered = (uint64_t)sqlite3_column_int64(store->stmts[SQL_CHAIN_TOTALS], 1);
    store_done(store, SQL_CHAIN_TOTALS);
    bind_chain(store, SQL_CHAIN_OUTCOMES, chain, except);
    status = read_outcomes(store, SQL_CHAIN_OUTCOMES, sum.outcomes);
    if (status == STATUS_OK)
        *out = sum;
    return status;
}

enum status store_chain_close(struct store *store, const uint8_t chain[static RING_UUID_BYTES],
                              const struct receiver_tuple *tuple)
{
    bind_blob(store, SQL_CLOSE_CHAIN, 1, chain, RING_UUID_BYTES);
    bind_int(store, SQL_CLOSE_CHAIN, 2, (int64_t)tuple->received);
    bind_int(store, SQL_CLOSE_CHAIN, 3, (int64_t)tuple->appended);
    enum status status = store_run(store, SQL_CLOSE_CHAIN);
    for (size_t i = 0; status == STATUS_OK && i < OUTCOME_COUNT; i++)
        if (tuple->outcomes[i] != 0)
            status = write_outcome(store, SQL_CLOSE_OUTCOME, chain, i, tuple->outcomes[i]);
    return status;
}

enum status store_closed_chains(struct store *store,
                                void (*each)(void *context, const struct store_closed_chain *chain),
                                void *context)
{
    sqlite3_stmt *stmt = store->stmts[SQL_CLOSED_LIST];
    enum status status = STATUS_OK;
    int rc = SQLITE_DONE;
    while (status == STATUS_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct store_closed_chain closed = {0};
        copy_blob(stmt, 0, closed.chain);
        closed.receiver.received = (uint64_t)sqlite3_column_int64(stmt, 1);
        closed.receiver.appended = (uint64_t)sqlite3_column_int64(stmt, 2);
        copy_column(closed.source, sizeof closed.source, stmt, 3);
        closed.created_ms = sqlite3_column_int64(stmt, 4);
        bind_blob(store, SQL_CLOSED_OUTCOMES, 1, closed.chain, RING_UUID_BYTES);
        status = read_outcomes(store, SQL_CLOSED_OUTCOMES, closed.receiver.outcomes);
        if (status == STATUS_OK)
            status = store_chain_sum(store, closed.chain, NULL, &closed.flusher);
        if (status == STATUS_OK)
            each(context, &closed);
    }
    if (status == STATUS_OK && rc != SQLITE_DONE)
        status = store_fail(store, rc);
    store_done(store, SQL_CLOSED_LIST);
    return status;
}

/* --- dead letters -------------------------------------------------------------------------------------- */

enum status store_dead_letter(struct store *store, const char *source,
                              const struct ring_message *message, const char *reason)
{
    char topic[RING_TOPIC_MAX * 3 + 1];
    (void)utf8_clean(topic, sizeof topic, (const uint8_t *)message->topic, message->topic_len);
    bind_text(store, SQL_DEAD_INSERT, 1, source);
    bind_text(store, SQL_DEAD_INSERT, 2, topic);
    bind_blob(store, SQL_DEAD_INSERT, 3, message->payload, message->payload_len);
    bind_int(store, SQL_DEAD_INSERT, 4, message->receipt / US_PER_MS);
    bind_text(store, SQL_DEAD_INSERT, 5, reason);
    enum status status = store_run(store, SQL_DEAD_INSERT);
    if (status != STATUS_OK)
        return status;
    bind_int(store, SQL_DEAD_PRUNE, 1, sqlite3_last_insert_rowid(store->db) - STORE_DEAD_LETTERS);
    return store_run(store, SQL_DEAD_PRUNE);
}
