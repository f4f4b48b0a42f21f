/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_batch.h"

#include "cmd/ingestor/store/store_derive.h"
#include "cmd/ingestor/store/store_hours.h"
#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_meta.h"
#include "cmd/ingestor/store/store_names.h"
#include "cmd/ingestor/store/store_observer.h"
#include "cmd/ingestor/store/store_packet.h"
#include "cmd/ingestor/store/store_ring.h"
#include "cmd/ingestor/store/store_types.h"
#include "common/db/schema.h"

#include <string.h>

/* Of transmissions, of nodes and of channels so many can have pending updates, 3 MB together; more
 * are written before the commit. */
#define PENDING_MAX 16384

struct store_batch {
    struct statement begin, commit, rollback, savepoint, release, rollback_to, transmission_later,
        transmission_add, node_add, channel_add;
    struct deltas transmissions, nodes, channels; /* pending updates of the open transaction */
    int64_t changes_before;                       /* of rows, before it */
};

#define FIRST "min(first_ms, ?3)"
#define LAST  "max(last_ms, ?4)"

static const struct store_batch blank = {
    /* IMMEDIATE: a transaction that begins as a reader fails when it turns writer
     * (BUSY_SNAPSHOT). */
    .begin = SQL("BEGIN IMMEDIATE"),
    .commit = SQL("COMMIT"),
    .rollback = SQL("ROLLBACK"),
    .savepoint = SQL("SAVEPOINT record"),
    .release = SQL("RELEASE record"),
    .rollback_to = SQL("ROLLBACK TO record"),
    /* A row that is missing (deleted by hand) is updated by nobody: no error. */
    /* The usual case, for a tenth of the work: a row of the short form, and nothing came before its
     * first receipt. */
    .transmission_later =
        SQL("UPDATE transmissions SET lasted = max(lasted, ?4 - first_ms + " SCHEMA_LASTED_FROM
            "), copies = copies + ?2 WHERE id = ?1 AND lasted < first_ms AND first_ms <= ?3 AND"
            " ?4 - first_ms + " SCHEMA_LASTED_FROM " < first_ms"),
    .transmission_add =
        SQL("UPDATE transmissions SET first_ms = " FIRST ", lasted = " SCHEMA_LASTED(
            FIRST,
            LAST) ", copies = observation_count + ?2 + " SCHEMA_IS_SHORT(FIRST,
                                                                         LAST) " WHERE id = ?1"),
    /* ?2 = now; ?4 = 0: only handed on by others, no sign of life. */
    .node_add = SQL(
        "UPDATE nodes SET first_ms = min(first_ms, ?3), last_ms = iif(?4 = 0, last_ms, " LAST_SEEN(
            "last_ms", "?2", "?4") "),"
                                   " is_inactive = iif(?4 = 0, is_inactive, 0) WHERE id = ?1"),
    .channel_add =
        SQL("UPDATE channels SET message_count = message_count + ?2, first_ms = min(first_ms, ?3),"
            " last_ms = max(last_ms, ?4) WHERE id = ?1"),
};

enum status store_batch_open(struct store *store, struct err *err)
{
    struct store_batch *batch =
        connection_part(&store->connection, &blank, sizeof blank,
                        STATEMENTS_BEFORE(struct store_batch, transmissions), err);
    if (batch == NULL)
        return err->status;
    store->batch = batch;
    if (!deltas_init(&batch->transmissions, PENDING_MAX) ||
        !deltas_init(&batch->nodes, PENDING_MAX) || !deltas_init(&batch->channels, PENDING_MAX))
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for pending updates");
    return STATUS_OK;
}

void store_batch_close(struct store *store)
{
    if (store->batch == NULL)
        return;
    deltas_done(&store->batch->transmissions);
    deltas_done(&store->batch->nodes);
    deltas_done(&store->batch->channels);
}

/* --- what is gathered ------------------------------------------------------------------------- */

static void merge_row(struct deltas *deltas, const struct delta *row)
{
    if (row->id == 0)
        return;
    bool merged = deltas_add(deltas, row);
    assert(merged); /* store_savepoint made room */
    (void)merged;
}

/* Where its hour finds what came, or moved there. */
static void note_hours(struct store *store, const struct store_record *record)
{
    const int64_t id = record->observation_id;
    for (size_t i = 0; id != 0 && i < record->reception_count; i++)
        if (record->receptions[i].sign > 0)
            store_hours_note(store, record->receptions[i].receipt_ms, id, 0);
    for (size_t i = 0; id != 0 && i < record->origin_count; i++)
        if (record->origins[i].sign > 0)
            store_hours_note(store, record->origins[i].first_ms, id, record->hash.transmission_id);
}

static void note_transmission(struct store *store, const struct store_record *record)
{
    uint8_t hash[HASH_INDEX_BYTES];
    memcpy(hash, &record->hash.hash, sizeof hash);
    hash_index_add(store->hash_index, hash, record->hash.transmission_id);
    store_types_note(store, record->origins[0].type, record->hash.transmission_id);
}

void store_batch_merge(struct store *store)
{
    struct store_record *record = &store->record;
    if (store->outbox != NULL)
        outbox_keep(store->outbox);
    merge_row(&store->batch->transmissions, &record->transmission);
    merge_row(&store->batch->nodes, &record->node);
    merge_row(&store->batch->channels, &record->channel);
    for (size_t i = 0; i < record->reception_count; i++)
        store_derive_reception(store, &record->receptions[i]);
    for (size_t i = 0; i < record->origin_count; i++)
        store_derive_origin(store, &record->origins[i]);
    note_hours(store, record);
    if (record->packet.id != 0)
        fresh_packets_keep(store->fresh_packets, &record->packet);
    if (record->row.id != 0)
        fresh_keep(store->fresh, &record->row, record->is_first);
    if (record->counts.transmissions > 0)
        note_transmission(store, record);
    store_meta_add(store, &record->counts);
    if (record->hash.transmission_id != 0)
        hash_cache_insert(store->hashes, &record->hash);
    if (record->counts.observers != 0)
        store_limit_note_observer(store, record);
    store_observers_merge(store, record);
    store_names_merge(store, record);
    store_record_clear(record);
}

static enum status write_delta(struct statement *add, const struct delta *row, int64_t second)
{
    bind_int(add, 1, row->id);
    bind_int(add, 2, second);
    bind_int(add, 3, row->first_ms);
    bind_int(add, 4, row->last_ms);
    return statement_run(add);
}

/* The second parameter: what is counted, or else (now_ms not 0) the time. */
static enum status write_deltas(struct statement *add, int64_t now_ms, struct deltas *deltas)
{
    size_t count = 0;
    const struct delta *rows = deltas_sorted(deltas, &count);
    for (size_t i = 0; i < count; i++) {
        const enum status status = write_delta(add, &rows[i], now_ms != 0 ? now_ms : rows[i].count);
        if (status != STATUS_OK)
            return status;
    }
    deltas_clear(deltas);
    return STATUS_OK;
}

static enum status write_transmission(struct store *store, const struct delta *delta)
{
    struct packet_row *const row = fresh_packets_find(store->fresh_packets, delta->id);
    if (row != NULL) {
        row->first_ms = delta->first_ms < row->first_ms ? delta->first_ms : row->first_ms;
        row->last_ms = delta->last_ms > row->last_ms ? delta->last_ms : row->last_ms;
        row->copies += delta->count;
        return STATUS_OK;
    }
    const enum status status = write_delta(&store->batch->transmission_later, delta, delta->count);
    return status == STATUS_OK && sqlite3_changes(store->connection.db) == 0
               ? write_delta(&store->batch->transmission_add, delta, delta->count)
               : status;
}

/* First into the rows that wait here, and those then into their table. */
static enum status write_transmissions(struct store *store)
{
    struct deltas *const deltas = &store->batch->transmissions;
    size_t count = 0;
    const struct delta *rows = deltas_sorted(deltas, &count);
    for (size_t i = 0; i < count; i++) {
        const enum status status = write_transmission(store, &rows[i]);
        if (status != STATUS_OK)
            return status;
    }
    deltas_clear(deltas);
    return fresh_packets_write(store->fresh_packets);
}

static enum status write_pending(struct store *store)
{
    struct store_batch *batch = store->batch;
    enum status status = write_transmissions(store);
    if (status == STATUS_OK)
        status = write_deltas(&batch->node_add, store->now_ms, &batch->nodes);
    return status == STATUS_OK ? write_deltas(&batch->channel_add, 0, &batch->channels) : status;
}

enum status store_batch_make_room(struct store *store)
{
    struct store_batch *batch = store->batch;
    enum status status = store_derive_make_room(store);
    if (status == STATUS_OK)
        status = store_hours_make_room(store);
    if (status == STATUS_OK)
        status = store_types_make_room(store);
    if (status == STATUS_OK)
        status = store_observers_make_room(store);
    if (status == STATUS_OK && !fresh_packets_have_room(store->fresh_packets))
        status = write_transmissions(store);
    if (status == STATUS_OK && !fresh_has_room(store->fresh))
        status = fresh_write(store->fresh);
    if (status == STATUS_OK && !hash_index_has_room(store->hash_index))
        status = hash_index_write_waiting(store->hash_index);
    if (status != STATUS_OK)
        return status;
    if (deltas_room(&batch->transmissions) != 0 && deltas_room(&batch->nodes) != 0 &&
        deltas_room(&batch->channels) != 0)
        return STATUS_OK;
    return write_pending(store);
}

enum status store_batch_write(struct store *store)
{
    enum status status = fresh_write(store->fresh);
    if (status == STATUS_OK)
        status = store_observers_write(store);
    if (status == STATUS_OK)
        status = write_pending(store);
    if (status == STATUS_OK)
        status = store_derive_write(store);
    if (status == STATUS_OK)
        status = refusals_write(store->refusals, store->now_ms);
    if (status == STATUS_OK)
        status = store_hours_write(store);
    if (status == STATUS_OK)
        status = store_types_write(store);
    if (status == STATUS_OK)
        status = hash_index_write(store->hash_index);
    return status == STATUS_OK ? store_meta_write(store) : status;
}

void store_batch_clear(struct store *store)
{
    deltas_clear(&store->batch->transmissions);
    deltas_clear(&store->batch->nodes);
    deltas_clear(&store->batch->channels);
    store_observers_clear(store);
    store_derive_clear(store);
    store_hours_clear(store);
    store_types_clear(store);
    store_meta_clear(store);
    fresh_clear(store->fresh);
    fresh_packets_clear(store->fresh_packets);
    hash_index_clear(store->hash_index);
    refusals_clear(store->refusals);
    store_record_clear(&store->record);
}

void store_forget(struct store *store)
{
    hash_cache_clear(store->hashes);
    hash_index_forget(store->hash_index);
    store_observers_forget(store);
    store_names_forget(store);
    store_ring_forget(store);
    store_meta_forget(store);
    store_late_forget(store);
    if (store->outbox != NULL)
        outbox_forget(store->outbox);
    store_batch_clear(store);
}

/* --- transactions ----------------------------------------------------------------------------- */

enum status store_begin(struct store *store, bool durable)
{
    /* Inside a transaction the pragma is an error, so the choice is made here. */
    if (store->is_full_sync != durable) {
        int rc = sqlite3_exec(store->connection.db,
                              durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                              NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            return connection_fail(&store->connection, rc);
        store->is_full_sync = durable;
    }
    store_record_clear(&store->record);
    store->now_ms = clock_wall() / US_PER_MS;
    store->batch->changes_before = sqlite3_total_changes64(store->connection.db);
    enum status status = statement_run(&store->batch->begin);
    if (status != STATUS_OK || !store->facts->has_rows) /* without rows no hash is looked for */
        return status;
    status = hash_index_begin(store->hash_index);
    if (status != STATUS_OK)
        store_rollback(store);
    return status;
}

bool store_has_written(const struct store *store)
{
    return sqlite3_total_changes64(store->connection.db) != store->batch->changes_before ||
           !fresh_is_empty(store->fresh) || !fresh_packets_are_empty(store->fresh_packets) ||
           (store->outbox != NULL && outbox_has_rows(store->outbox));
}

enum status store_defer(struct store *store)
{
    assert(!store_has_written(store));
    const enum status status = statement_run(&store->batch->commit);
    if (status != STATUS_OK)
        store_rollback(store);
    return status;
}

enum status store_commit(struct store *store)
{
    enum status status = store_batch_write(store);
    if (status == STATUS_OK && store->outbox != NULL) /* last: it sends the rows that changed */
        status = outbox_write(store->outbox, store->now_ms);
    if (status == STATUS_OK)
        status = statement_run(&store->batch->commit);
    if (status != STATUS_OK) {
        store_rollback(store);
        return status;
    }
    if (store->outbox != NULL)
        outbox_committed(store->outbox);
    store_batch_clear(store);
    return STATUS_OK;
}

void store_rollback(struct store *store)
{
    /* FULL, IOERR and NOMEM may have rolled back by themselves. ROLLBACK itself can't leave the
     * transaction open: what it could not undo is ignored when the WAL is read the next time. The
     * text of the error that led here is kept. */
    if (sqlite3_get_autocommit(store->connection.db) == 0) {
        IGNORE(sqlite3_step(store->batch->rollback.handle), "the transaction ends in any case");
        statement_done(&store->batch->rollback);
    }
    store_forget(store);
}

enum status store_record(struct store *store)
{
    store->has_savepoint = false;
    store_record_clear(&store->record);
    if (store->outbox != NULL)
        outbox_mark(store->outbox);
    return store_batch_make_room(store);
}

enum status store_savepoint(struct store *store)
{
    enum status status = store_record(store);
    /* What a rollback would take with it, or leave half changed, though it was there before. */
    if (status == STATUS_OK && !fresh_packets_are_empty(store->fresh_packets))
        status = write_transmissions(store);
    if (status == STATUS_OK)
        status = statement_run(&store->batch->savepoint);
    store->has_savepoint = status == STATUS_OK;
    return status;
}

static bool is_over_limit(enum outcome outcome)
{
    return outcome == OUTCOME_FILTERED_MAX_NODES || outcome == OUTCOME_FILTERED_MAX_OBSERVERS ||
           outcome == OUTCOME_FILTERED_NEW_OBSERVERS;
}

static enum status write_fresh(struct store *store)
{
    const enum status status = fresh_packets_write(store->fresh_packets);
    return status == STATUS_OK ? fresh_write(store->fresh) : status;
}

/* While the savepoint is there: a row that its table refuses costs this record alone. But where
 * rows of records without one wait with it, it may be one of theirs. */
static enum status write_rows(struct store *store)
{
    struct store_record *record = &store->record;
    if (record->packet.id == 0 && record->row.id == 0)
        return STATUS_OK;
    const bool is_alone =
        fresh_is_empty(store->fresh) && fresh_packets_are_empty(store->fresh_packets);
    if (record->packet.id != 0)
        fresh_packets_keep(store->fresh_packets, &record->packet);
    if (record->row.id != 0)
        fresh_keep(store->fresh, &record->row, record->is_first);
    record->packet.id = record->row.id = 0;
    const enum status status = write_fresh(store);
    if (status == STATUS_OK)
        return STATUS_OK;
    fresh_packets_clear(store->fresh_packets);
    fresh_clear(store->fresh);
    return status == STATUS_CONSTRAINT && !is_alone ? STATUS_AGAIN : status;
}

enum status store_release(struct store *store, enum outcome outcome)
{
    if (is_over_limit(outcome) && store->has_savepoint)
        return store_rollback_record(store);
    if (is_over_limit(outcome)) { /* before the first of its rows */
        store_record_clear(&store->record);
        if (store->outbox != NULL)
            outbox_undo(store->outbox);
        return STATUS_OK;
    }
    enum status status = store->has_savepoint ? write_rows(store) : STATUS_OK;
    if (status == STATUS_OK && store->has_savepoint)
        status = statement_run(&store->batch->release);
    if (status == STATUS_OK)
        store_batch_merge(store);
    return status;
}

enum status store_rollback_record(struct store *store)
{
    const bool has_settled = store->record.has_settled;
    store_record_clear(&store->record);
    if (store->outbox != NULL)
        outbox_undo(store->outbox);
    if (!store->has_savepoint)
        return STATUS_AGAIN;
    if (has_settled)
        store_late_forget(store);
    enum status status = statement_run(&store->batch->rollback_to);
    /* ROLLBACK TO leaves the savepoint itself on the stack. */
    return status == STATUS_OK ? statement_run(&store->batch->release) : status;
}
