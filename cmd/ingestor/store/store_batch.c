/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_internal.h"

#include <assert.h>

/* A row that is missing (deleted by hand) is updated by nobody: no error. */
static const struct store_sql_text sql_texts[] = {
    {SQL_TOUCH_TRANSMISSION,
     "UPDATE transmissions SET observation_count = observation_count + ?2,"
     " first_ms = min(first_ms, ?3), last_ms = max(last_ms, ?4) WHERE id = ?1"},
    /* ?4 = 0: only handed on by others, no sign of life. */
    {SQL_TOUCH_NODE,
     "UPDATE nodes SET first_ms = min(first_ms, ?3), last_ms = CASE WHEN ?4 = 0 THEN last_ms ELSE"
     " max(coalesce(last_ms, ?4), ?4) END, is_inactive = CASE WHEN ?4 = 0 THEN is_inactive ELSE 0"
     " END WHERE id = ?1"},
    {SQL_TOUCH_CHANNEL,
     "UPDATE channels SET message_count = message_count + ?2, first_ms = min(first_ms, ?3),"
     " last_ms = max(last_ms, ?4) WHERE id = ?1"},
    {SQL_META_UPDATE,
     "UPDATE meta SET commits = commits + 1, transmissions = transmissions + ?1,"
     " observations = observations + ?2, observers = observers + ?3, nodes = nodes + ?4 WHERE id ="
     " 1"},
};

enum status store_batch_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

/* Field by field: the names and rings in it are large, and are valid only where a flag says so. */
void store_record_clear(struct store_record *record)
{
    record->observer.id = 0;
    record->transmission.id = 0;
    record->node.id = 0;
    record->channel.id = 0;
    record->reception_count = 0;
    record->origin_count = 0;
    record->new_scope.id = 0;
    record->new_channel.id = 0;
    record->hash.transmission_id = 0;
    record->counts = (struct store_counts){0};
    record->has_observer = false;
    record->has_source = false;
    record->said = (struct store_said){0};
    record->skew = (struct store_skew){0};
}

static void merge_row(struct deltas *deltas, const struct delta *row)
{
    if (row->id == 0)
        return;
    bool merged = deltas_add(deltas, row);
    assert(merged); /* store_savepoint made room */
    (void)merged;
}

static void merge_names(struct store *store, const struct store_record *record)
{
    observer_cache_merge(store->observers, record);
    if (record->has_source) {
        if (store->source_count == STORE_SOURCES)
            store->source_count = 0;
        store->sources[store->source_count++] = record->new_source;
    }
    if (record->new_scope.id != 0)
        store->scopes[store->scope_count++ % STORE_SCOPES] = record->new_scope;
    if (record->new_channel.id != 0)
        store_channel_remember(store, &record->new_channel);
}

void store_batch_merge(struct store *store)
{
    struct store_record *record = &store->record;
    merge_row(&store->touched_observers, &record->observer);
    merge_row(&store->touched_transmissions, &record->transmission);
    merge_row(&store->touched_nodes, &record->node);
    merge_row(&store->touched_channels, &record->channel);
    for (size_t i = 0; i < record->reception_count; i++)
        store_derive_reception(store, &record->receptions[i]);
    for (size_t i = 0; i < record->origin_count; i++)
        store_derive_origin(store, &record->origins[i]);
    store->counts.transmissions += record->counts.transmissions;
    store->counts.observations += record->counts.observations;
    store->counts.observers += record->counts.observers;
    store->counts.nodes += record->counts.nodes;
    if (record->hash.transmission_id != 0)
        hash_cache_insert(store->hashes, &record->hash);
    if (record->counts.observers != 0)
        store_limits_note(store);
    merge_names(store, record);
    store_record_clear(record);
}

static enum status write_table(struct store *store, enum store_sql sql, struct deltas *deltas)
{
    size_t count = 0;
    const struct delta *rows = deltas_sorted(deltas, &count);
    for (size_t i = 0; i < count; i++) {
        bind_int(store, sql, 1, rows[i].id);
        if (sql != SQL_TOUCH_NODE)
            bind_int(store, sql, 2, rows[i].count);
        bind_int(store, sql, 3, rows[i].first_ms);
        bind_int(store, sql, 4, rows[i].last_ms);
        enum status status = store_run(store, sql);
        if (status != STATUS_OK)
            return status;
    }
    deltas_clear(deltas);
    return STATUS_OK;
}

static enum status write_touched(struct store *store)
{
    enum status status = store_observers_write(store);
    if (status == STATUS_OK)
        status = write_table(store, SQL_TOUCH_TRANSMISSION, &store->touched_transmissions);
    if (status == STATUS_OK)
        status = write_table(store, SQL_TOUCH_NODE, &store->touched_nodes);
    if (status == STATUS_OK)
        status = write_table(store, SQL_TOUCH_CHANNEL, &store->touched_channels);
    return status;
}

enum status store_batch_make_room(struct store *store)
{
    enum status status = store_derive_make_room(store);
    if (status != STATUS_OK)
        return status;
    if (deltas_room(&store->touched_observers) != 0 &&
        deltas_room(&store->touched_transmissions) != 0 &&
        deltas_room(&store->touched_nodes) != 0 && deltas_room(&store->touched_channels) != 0 &&
        !observer_cache_is_full(store->observers))
        return STATUS_OK;
    status = write_touched(store);
    if (status == STATUS_OK && observer_cache_is_full(store->observers))
        observer_cache_clear(store->observers);
    return status;
}

enum status store_batch_write(struct store *store)
{
    enum status status = write_touched(store);
    if (status == STATUS_OK)
        status = store_derive_write(store);
    if (status != STATUS_OK)
        return status;
    bind_int(store, SQL_META_UPDATE, 1, store->counts.transmissions);
    bind_int(store, SQL_META_UPDATE, 2, store->counts.observations);
    bind_int(store, SQL_META_UPDATE, 3, store->counts.observers);
    bind_int(store, SQL_META_UPDATE, 4, store->counts.nodes);
    return store_run(store, SQL_META_UPDATE);
}

void store_batch_clear(struct store *store)
{
    deltas_clear(&store->touched_observers);
    deltas_clear(&store->touched_transmissions);
    deltas_clear(&store->touched_nodes);
    deltas_clear(&store->touched_channels);
    deltas_clear(&store->rollups);
    deltas_clear(&store->edges);
    store->counts = (struct store_counts){0};
    store->has_totals = false;
    store_record_clear(&store->record);
}
