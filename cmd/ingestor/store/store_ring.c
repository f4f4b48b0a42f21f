/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_ring.h"

#include "cmd/ingestor/store/store_core.h"
#include "common/base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define DEAD_LETTERS 1000 /* the newest so many stay */
/* What was saved last of so many rings; the oldest is recycled. */
#define BASELINES 256

struct baseline {
    uint8_t uuid[RING_UUID_BYTES];
    bool is_used;
    uint64_t outcomes[OUTCOME_COUNT];
};

struct store_rings {
    struct statement cursor_load, cursor_save, outcomes_load, outcome_save, chain_totals,
        chain_outcomes, close_chain, close_outcome, reopen_chain, closed_list, open_list,
        closed_outcomes, is_closed, has_cursor, lose_consumed, lose_outcome, dead_insert,
        dead_prune;
    struct baseline *baselines; /* owned */
    size_t next;
};

#define NEWEST_OF_CHAIN(column)                                                                    \
    "(SELECT " column " FROM ring_cursors n WHERE n.chain = c.chain ORDER BY n.created_ms DESC,"   \
    " n.next_number DESC LIMIT 1)"

static const struct store_rings blank = {
    .cursor_load =
        SQL("SELECT chain, source, created_ms, next_offset, next_number, consumed, recovered,"
            " last_crc, appended FROM ring_cursors WHERE uuid = ?1"),
    .cursor_save = SQL(
        "INSERT INTO ring_cursors (uuid, chain, source, created_ms, next_offset, next_number,"
        " consumed, recovered, last_crc, appended) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        " ON CONFLICT (uuid) DO UPDATE SET next_offset = excluded.next_offset, next_number ="
        " excluded.next_number, consumed = excluded.consumed, recovered = excluded.recovered,"
        " last_crc = excluded.last_crc, appended = excluded.appended"),
    .outcomes_load = SQL("SELECT outcome, n FROM ring_outcomes WHERE uuid = ?1"),
    .outcome_save = SQL("INSERT INTO ring_outcomes (uuid, outcome, n) VALUES (?1, ?2, ?3) ON"
                        " CONFLICT (uuid, outcome) DO UPDATE SET n = excluded.n"),
    .chain_totals = SQL(
        "SELECT coalesce(sum(consumed), 0), coalesce(sum(recovered), 0) FROM ring_cursors WHERE chain"
        " = ?1 AND uuid IS NOT ?2"),
    .chain_outcomes = SQL(
        "SELECT o.outcome, sum(o.n) FROM ring_cursors c JOIN ring_outcomes o ON o.uuid = c.uuid WHERE"
        " c.chain = ?1 AND c.uuid IS NOT ?2 GROUP BY o.outcome"),
    .close_chain = SQL("INSERT INTO chain_receivers (chain, received, appended) VALUES (?1, ?2, ?3)"
                       " ON CONFLICT (chain) DO UPDATE SET received = excluded.received, appended ="
                       " excluded.appended"),
    .close_outcome = SQL("INSERT INTO chain_outcomes (chain, outcome, n) VALUES (?1, ?2, ?3) ON"
                         " CONFLICT (chain, outcome) DO UPDATE SET n = excluded.n"),
    .reopen_chain = SQL("DELETE FROM chain_receivers WHERE chain = ?1"),
    /* The chain's source and age stand with its rings. */
    .closed_list = SQL(
        "SELECT r.chain, r.received, r.appended, coalesce(max(c.source), ''),"
        " coalesce(min(c.created_ms), 0) FROM chain_receivers r LEFT JOIN ring_cursors c ON c.chain ="
        " r.chain GROUP BY r.chain ORDER BY r.chain"),
    .open_list = SQL("SELECT chain, 0, " NEWEST_OF_CHAIN(
        "appended") ", max(source), min(created_ms)"
                    " FROM ring_cursors AS c WHERE chain NOT IN (SELECT chain FROM"
                    " chain_receivers) GROUP BY chain ORDER BY chain"),
    .is_closed = SQL("SELECT count(*) FROM chain_receivers WHERE chain = ?1"),
    .has_cursor = SQL("SELECT count(*) FROM ring_cursors WHERE chain = ?1"),
    .lose_consumed =
        SQL("UPDATE ring_cursors AS c SET consumed = consumed + ?2 WHERE chain = ?1 AND"
            " uuid = " NEWEST_OF_CHAIN("uuid")),
    .lose_outcome =
        SQL("INSERT INTO ring_outcomes (uuid, outcome, n) SELECT uuid, ?3, ?2 FROM"
            " ring_cursors AS c WHERE chain = ?1 AND uuid = " NEWEST_OF_CHAIN(
                "uuid") " ON CONFLICT (uuid, outcome) DO UPDATE SET n = n + excluded.n"),
    .closed_outcomes = SQL("SELECT outcome, n FROM chain_outcomes WHERE chain = ?1"),
    .dead_insert = SQL("INSERT INTO dead_letter (source, topic, payload, receipt_ms, reason) VALUES"
                       " (?1, ?2, ?3, ?4, ?5)"),
    .dead_prune = SQL("DELETE FROM dead_letter WHERE id <= ?1"),
};

enum status store_ring_open(struct store *store, struct err *err)
{
    store->rings = connection_part(&store->connection, &blank, sizeof blank,
                                   STATEMENTS_BEFORE(struct store_rings, baselines), err);
    if (store->rings == NULL)
        return err->status;
    store->rings->baselines = calloc(BASELINES, sizeof store->rings->baselines[0]);
    if (store->rings->baselines == NULL)
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for the rings' outcomes");
    store->refusals = refusals_open(&store->connection, err);
    return store->refusals != NULL ? STATUS_OK : err->status;
}

struct outbox *store_outbox(struct store *store)
{
    return store->outbox;
}

struct refusals *store_refusals(struct store *store)
{
    return store->refusals;
}

void store_ring_close(struct store *store)
{
    if (store->rings != NULL)
        free(store->rings->baselines);
}

void store_ring_forget(struct store *store)
{
    memset(store->rings->baselines, 0, BASELINES * sizeof store->rings->baselines[0]);
    store->rings->next = 0;
}

/* --- outcomes by name ------------------------------------------------------------------------- */

#define OUTCOME_NAME_MAX 48

/* Reads (name, n) rows until the end, then resets. A name that this program does not know was
 * written by a newer one; its row stays. */
static enum status read_outcomes(struct statement *list, uint64_t *outcomes)
{
    enum status status;
    while ((status = statement_row(list)) == STATUS_OK) {
        const char *text = (const char *)sqlite3_column_text(list->handle, 0);
        for (size_t i = 0; text != NULL && i < OUTCOME_COUNT; i++) {
            char name[OUTCOME_NAME_MAX];
            if (strcmp(outcome_name((enum outcome)i, name, sizeof name), text) == 0)
                outcomes[i] = (uint64_t)column_int(list, 1);
        }
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status write_outcome(struct statement *sql, const uint8_t *owner, size_t outcome,
                                 uint64_t n)
{
    char name[OUTCOME_NAME_MAX];
    bind_blob(sql, 1, owner, RING_UUID_BYTES);
    bind_text(sql, 2, outcome_name((enum outcome)outcome, name, sizeof name));
    bind_int(sql, 3, (int64_t)n);
    return statement_run(sql);
}

/* --- cursors ---------------------------------------------------------------------------------- */

/* What the database holds for this ring; a recycled one starts at zero, and then every outcome is
 * written once more, which is right because they are absolute. */
static struct baseline *baseline_of(struct store_rings *rings, const uint8_t *uuid)
{
    for (size_t i = 0; i < BASELINES; i++) {
        struct baseline *known = &rings->baselines[i];
        if (known->is_used && memcmp(known->uuid, uuid, RING_UUID_BYTES) == 0)
            return known;
    }
    struct baseline *recycled = &rings->baselines[rings->next];
    rings->next = (rings->next + 1) % BASELINES;
    memset(recycled, 0, sizeof *recycled);
    memcpy(recycled->uuid, uuid, RING_UUID_BYTES);
    recycled->is_used = true;
    return recycled;
}

static void copy_blob(const struct statement *row, int column, uint8_t out[static RING_UUID_BYTES])
{
    const void *bytes = sqlite3_column_blob(row->handle, column);
    memset(out, 0, RING_UUID_BYTES);
    if (bytes != NULL && sqlite3_column_bytes(row->handle, column) == RING_UUID_BYTES)
        memcpy(out, bytes, RING_UUID_BYTES);
}

enum status store_cursor_load(struct store *store, const uint8_t uuid[static RING_UUID_BYTES],
                              struct store_ring *out)
{
    struct store_ring ring = {0};
    bind_blob(&store->rings->cursor_load, 1, uuid, RING_UUID_BYTES);
    enum status status = statement_row(&store->rings->cursor_load);
    if (status != STATUS_OK)
        return status;
    const struct statement *row = &store->rings->cursor_load;
    memcpy(ring.uuid, uuid, RING_UUID_BYTES);
    copy_blob(row, 0, ring.chain);
    copy_column(ring.source, sizeof ring.source, row, 1);
    ring.created_ms = column_int(row, 2);
    ring.cursor.offset = (uint64_t)column_int(row, 3);
    ring.cursor.number = (uint64_t)column_int(row, 4);
    ring.tuple.consumed = (uint64_t)column_int(row, 5);
    ring.tuple.recovered = (uint64_t)column_int(row, 6);
    if (!column_is_null(row, 7))
        ring.cursor.passed = RING_PASSED | (uint32_t)column_int(row, 7);
    ring.appended = (uint64_t)column_int(row, 8);
    statement_done(&store->rings->cursor_load);
    bind_blob(&store->rings->outcomes_load, 1, uuid, RING_UUID_BYTES);
    status = read_outcomes(&store->rings->outcomes_load, ring.tuple.outcomes);
    if (status != STATUS_OK)
        return status;
    memcpy(baseline_of(store->rings, uuid)->outcomes, ring.tuple.outcomes,
           sizeof ring.tuple.outcomes);
    *out = ring;
    return STATUS_OK;
}

enum status store_cursor_save(struct store *store, const struct store_ring *ring)
{
    bind_blob(&store->rings->cursor_save, 1, ring->uuid, RING_UUID_BYTES);
    bind_blob(&store->rings->cursor_save, 2, ring->chain, RING_UUID_BYTES);
    bind_text(&store->rings->cursor_save, 3, ring->source);
    bind_int(&store->rings->cursor_save, 4, ring->created_ms);
    bind_int(&store->rings->cursor_save, 5, (int64_t)ring->cursor.offset);
    bind_int(&store->rings->cursor_save, 6, (int64_t)ring->cursor.number);
    bind_int(&store->rings->cursor_save, 7, (int64_t)ring->tuple.consumed);
    bind_int(&store->rings->cursor_save, 8, (int64_t)ring->tuple.recovered);
    if (ring->cursor.passed != 0) /* else NULL */
        bind_int(&store->rings->cursor_save, 9, (uint32_t)ring->cursor.passed);
    bind_int(&store->rings->cursor_save, 10, (int64_t)ring->appended);
    enum status status = statement_run(&store->rings->cursor_save);
    /* A baseline ahead of the database can't survive: a failure here ends in store_forget. */
    struct baseline *known = baseline_of(store->rings, ring->uuid);
    for (size_t i = 0; status == STATUS_OK && i < OUTCOME_COUNT; i++) {
        if (ring->tuple.outcomes[i] == known->outcomes[i])
            continue;
        status = write_outcome(&store->rings->outcome_save, ring->uuid, i, ring->tuple.outcomes[i]);
        known->outcomes[i] = ring->tuple.outcomes[i];
    }
    return status;
}

/* --- chains ----------------------------------------------------------------------------------- */

static void bind_chain(struct statement *sql, const uint8_t *chain, const uint8_t *except)
{
    bind_blob(sql, 1, chain, RING_UUID_BYTES);
    if (except != NULL)
        bind_blob(sql, 2, except, RING_UUID_BYTES);
}

enum status store_chain_sum(struct store *store, const uint8_t chain[static RING_UUID_BYTES],
                            const uint8_t *except, struct flusher_tuple *out)
{
    struct flusher_tuple sum = {0};
    bind_chain(&store->rings->chain_totals, chain, except);
    enum status status = statement_row(&store->rings->chain_totals);
    if (status != STATUS_OK)
        return status;
    sum.consumed = (uint64_t)column_int(&store->rings->chain_totals, 0);
    sum.recovered = (uint64_t)column_int(&store->rings->chain_totals, 1);
    statement_done(&store->rings->chain_totals);
    bind_chain(&store->rings->chain_outcomes, chain, except);
    status = read_outcomes(&store->rings->chain_outcomes, sum.outcomes);
    if (status == STATUS_OK)
        *out = sum;
    return status;
}

enum status store_chain_note(struct store *store, const uint8_t chain[static RING_UUID_BYTES],
                             const struct receiver_tuple *tuple,
                             const struct receiver_tuple *before)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < OUTCOME_COUNT; i++)
        if (tuple->outcomes[i] != before->outcomes[i])
            status = write_outcome(&store->rings->close_outcome, chain, i, tuple->outcomes[i]);
    return status;
}

enum status store_chain_close(struct store *store, const uint8_t chain[static RING_UUID_BYTES],
                              const struct receiver_tuple *tuple)
{
    static const struct receiver_tuple none;
    bind_blob(&store->rings->close_chain, 1, chain, RING_UUID_BYTES);
    bind_int(&store->rings->close_chain, 2, (int64_t)tuple->received);
    bind_int(&store->rings->close_chain, 3, (int64_t)tuple->appended);
    const enum status status = statement_run(&store->rings->close_chain);
    return status == STATUS_OK ? store_chain_note(store, chain, tuple, &none) : status;
}

enum status store_chain_reopen(struct store *store, const uint8_t chain[static RING_UUID_BYTES])
{
    bind_blob(&store->rings->reopen_chain, 1, chain, RING_UUID_BYTES);
    return statement_run(&store->rings->reopen_chain);
}

typedef void (*chain_fn)(void *context, const struct store_closed_chain *chain);

/* What the receiver is known to have done, from the count of the last save and its outcomes. */
static void complete_open(struct store_closed_chain *chain)
{
    const uint64_t reached = chain->flusher.consumed - chain->flusher.recovered;
    struct receiver_tuple *receiver = &chain->receiver;
    receiver->appended = max_u64(receiver->appended, reached);
    chain->lost = receiver->appended - reached;
    receiver->received = receiver->appended;
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        receiver->received += receiver->outcomes[i];
}

static enum status list_chains(struct store *store, struct statement *list, chain_fn each,
                               void *context)
{
    enum status status;
    while ((status = statement_row(list)) == STATUS_OK) {
        struct store_closed_chain closed = {0};
        copy_blob(list, 0, closed.chain);
        closed.receiver.received = (uint64_t)column_int(list, 1);
        closed.receiver.appended = (uint64_t)column_int(list, 2);
        copy_column(closed.source, sizeof closed.source, list, 3);
        closed.created_ms = column_int(list, 4);
        bind_blob(&store->rings->closed_outcomes, 1, closed.chain, RING_UUID_BYTES);
        status = read_outcomes(&store->rings->closed_outcomes, closed.receiver.outcomes);
        if (status == STATUS_OK)
            status = store_chain_sum(store, closed.chain, NULL, &closed.flusher);
        if (status != STATUS_OK)
            break;
        if (list == &store->rings->open_list)
            complete_open(&closed);
        each(context, &closed);
    }
    statement_done(list);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status store_closed_chains(struct store *store, chain_fn each, void *context)
{
    return list_chains(store, &store->rings->closed_list, each, context);
}

enum status store_open_chains(struct store *store, chain_fn each, void *context)
{
    return list_chains(store, &store->rings->open_list, each, context);
}

static enum status count_of(struct statement *sql, const uint8_t *chain, bool *out)
{
    int64_t n = 0;
    bind_blob(sql, 1, chain, RING_UUID_BYTES);
    const enum status status = statement_number(sql, &n);
    if (status == STATUS_OK)
        *out = n > 0;
    return status;
}

enum status store_chain_is_closed(struct store *store, const uint8_t chain[static RING_UUID_BYTES],
                                  bool *out)
{
    return count_of(&store->rings->is_closed, chain, out);
}

/* A chain is named after its first ring. */
static enum status give_row(struct store *store, const struct store_closed_chain *chain)
{
    bool has_row = false;
    const enum status status = count_of(&store->rings->has_cursor, chain->chain, &has_row);
    if (status != STATUS_OK || has_row)
        return status;
    struct store_ring ring = {.created_ms = chain->created_ms};
    memcpy(ring.uuid, chain->chain, sizeof ring.uuid);
    memcpy(ring.chain, chain->chain, sizeof ring.chain);
    memcpy(ring.source, chain->source, sizeof ring.source);
    return store_cursor_save(store, &ring);
}

enum status store_chain_lose(struct store *store, struct store_closed_chain *chain)
{
    struct store_rings *const rings = store->rings;
    char name[OUTCOME_NAME_MAX];
    enum status status = give_row(store, chain);
    if (status == STATUS_OK && chain->lost > 0) {
        bind_blob(&rings->lose_consumed, 1, chain->chain, RING_UUID_BYTES);
        bind_int(&rings->lose_consumed, 2, (int64_t)chain->lost);
        status = statement_run(&rings->lose_consumed);
    }
    if (status == STATUS_OK && chain->lost > 0) {
        bind_blob(&rings->lose_outcome, 1, chain->chain, RING_UUID_BYTES);
        bind_int(&rings->lose_outcome, 2, (int64_t)chain->lost);
        bind_text(&rings->lose_outcome, 3, outcome_name(OUTCOME_DROPPED_GAP, name, sizeof name));
        status = statement_run(&rings->lose_outcome);
    }
    if (status != STATUS_OK)
        return status;
    chain->flusher.consumed += chain->lost;
    chain->flusher.outcomes[OUTCOME_DROPPED_GAP] += chain->lost;
    return store_chain_close(store, chain->chain, &chain->receiver);
}

/* --- dead letters ----------------------------------------------------------------------------- */

enum status store_dead_letter(struct store *store, const char *source,
                              const struct ring_message *message, const char *reason)
{
    char topic[RING_TOPIC_MAX * 3 + 1];
    (void)utf8_clean(topic, sizeof topic, (const uint8_t *)message->topic, message->topic_len);
    bind_text(&store->rings->dead_insert, 1, source);
    bind_text(&store->rings->dead_insert, 2, topic);
    bind_blob(&store->rings->dead_insert, 3, message->payload, message->payload_len);
    bind_int(&store->rings->dead_insert, 4, message->receipt / US_PER_MS);
    bind_text(&store->rings->dead_insert, 5, reason);
    enum status status = statement_run(&store->rings->dead_insert);
    if (status != STATUS_OK)
        return status;
    bind_int(&store->rings->dead_prune, 1,
             sqlite3_last_insert_rowid(store->connection.db) - DEAD_LETTERS);
    return statement_run(&store->rings->dead_prune);
}
