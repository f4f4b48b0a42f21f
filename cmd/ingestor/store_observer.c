/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct store_sql_text sql_texts[] = {
    {SQL_OBSERVER_FIND, "SELECT id, name, iata FROM observers WHERE identity = ?1"},
    {SQL_OBSERVER_INSERT,
     "INSERT INTO observers (identity, name, iata, first_ms) VALUES (?1, ?2, ?3, ?4)"},
    {SQL_OBSERVER_RENAME, "UPDATE observers SET name = ?2, iata = ?3 WHERE id = ?1"},
    {SQL_SOURCE_FIND, "SELECT id FROM sources WHERE name = ?1"},
    {SQL_SOURCE_INSERT, "INSERT INTO sources (name) VALUES (?1)"},
};

enum status store_observer_prepare(struct store *store, struct err *err)
{
    return store_prepare(store, sql_texts, ARRAY_LEN(sql_texts), err);
}

/* --- the cache: open addressing over an array of entries ----------------------------------------------- */

#define SLOTS (STORE_OBSERVERS * 2)

struct observer_cache {
    size_t count;
    uint16_t slots[SLOTS]; /* index + 1 into entries, 0 = empty */
    struct store_observer entries[STORE_OBSERVERS];
};

struct observer_cache *observer_cache_new(void)
{
    return calloc(1, sizeof(struct observer_cache));
}

void observer_cache_free(struct observer_cache *cache)
{
    free(cache);
}

void observer_cache_clear(struct observer_cache *cache)
{
    cache->count = 0;
    memset(cache->slots, 0, sizeof cache->slots);
}

/* FNV-1a. Chosen identities can make a probe long, but no longer than the cache. */
static uint16_t *slot_of(struct observer_cache *cache, const char *key)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (const char *c = key; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3U;
    size_t at = (size_t)(hash ^ (hash >> 32)) % SLOTS;
    while (cache->slots[at] != 0 && strcmp(cache->entries[cache->slots[at] - 1].key, key) != 0)
        at = (at + 1) % SLOTS;
    return &cache->slots[at];
}

void observer_cache_put(struct observer_cache *cache, const struct store_observer *observer)
{
    uint16_t *slot = slot_of(cache, observer->key);
    if (*slot == 0) {
        if (cache->count == STORE_OBSERVERS) {
            observer_cache_clear(cache);
            slot = slot_of(cache, observer->key);
        }
        *slot = (uint16_t)++cache->count;
    }
    cache->entries[*slot - 1] = *observer;
}

static const struct store_observer *cache_find(struct observer_cache *cache, const char *key)
{
    const uint16_t *slot = slot_of(cache, key);
    return *slot != 0 ? &cache->entries[*slot - 1] : NULL;
}

/* --- observers ----------------------------------------------------------------------------------------- */

static void lower_ascii(char *dst, const char *src)
{
    size_t i = 0;
    for (; i < STORE_IDENTITY_MAX - 1 && src[i] != '\0'; i++)
        dst[i] = src[i] >= 'A' && src[i] <= 'Z' ? (char)(src[i] + ('a' - 'A')) : src[i];
    dst[i] = '\0';
}

static enum status load_observer(struct store *store, const char *identity,
                                 struct store_observer *out)
{
    bind_text(store, SQL_OBSERVER_FIND, 1, identity);
    enum status status = store_row(store, SQL_OBSERVER_FIND);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *stmt = store->stmts[SQL_OBSERVER_FIND];
    const unsigned char *name = sqlite3_column_text(stmt, 1);
    const unsigned char *iata = sqlite3_column_text(stmt, 2);
    out->id = sqlite3_column_int64(stmt, 0);
    (void)snprintf(out->name, sizeof out->name, "%s", name != NULL ? (const char *)name : "");
    (void)snprintf(out->iata, sizeof out->iata, "%s", iata != NULL ? (const char *)iata : "");
    store_done(store, SQL_OBSERVER_FIND);
    return STATUS_OK;
}

static enum status insert_observer(struct store *store, const char *identity, int64_t receipt_ms,
                                   struct store_observer *observer)
{
    bind_text(store, SQL_OBSERVER_INSERT, 1, identity);
    bind_text(store, SQL_OBSERVER_INSERT, 2, observer->name);
    bind_text(store, SQL_OBSERVER_INSERT, 3, observer->iata);
    bind_int(store, SQL_OBSERVER_INSERT, 4, receipt_ms);
    enum status status = store_run(store, SQL_OBSERVER_INSERT);
    if (status != STATUS_OK)
        return status;
    observer->id = sqlite3_last_insert_rowid(store->db);
    store->record.counts.observers++;
    return STATUS_OK;
}

/* What the envelope says, where it says something else than is known. Returns whether anything changed. */
static bool take_names(const struct envelope *envelope, struct store_observer *observer)
{
    bool changed = false;
    if (envelope->origin[0] != '\0' && strcmp(envelope->origin, observer->name) != 0) {
        char name[STORE_IDENTITY_MAX];
        size_t len = store_clean_text(name, sizeof name, (const uint8_t *)envelope->origin,
                                      strlen(envelope->origin));
        if (len != 0 && strcmp(name, observer->name) != 0) {
            memcpy(observer->name, name, len + 1);
            changed = true;
        }
    }
    if (envelope->region[0] != '\0' && strcmp(envelope->region, observer->iata) != 0) {
        memcpy(observer->iata, envelope->region, sizeof observer->iata);
        changed = true;
    }
    return changed;
}

static enum status rename_observer(struct store *store, const struct store_observer *observer)
{
    bind_int(store, SQL_OBSERVER_RENAME, 1, observer->id);
    bind_text(store, SQL_OBSERVER_RENAME, 2, observer->name);
    bind_text(store, SQL_OBSERVER_RENAME, 3, observer->iata);
    return store_run(store, SQL_OBSERVER_RENAME);
}

enum status store_observer_resolve(struct store *store, const struct envelope *envelope,
                                   int64_t receipt_ms, bool may_rename, int64_t *out_id,
                                   struct store_result *out)
{
    struct store_record *record = &store->record;
    struct store_observer *observer = &record->new_observer;
    char key[STORE_IDENTITY_MAX];
    lower_ascii(key, envelope->observer);
    const struct store_observer *known = cache_find(store->observers, key);
    if (record->has_observer) /* this record asked before: the cache learns it only at release */
        known = observer;
    if (known != NULL) {
        /* The usual way: nothing new about a known observer. */
        bool same_name = envelope->origin[0] == '\0' || strcmp(envelope->origin, known->name) == 0;
        bool same_iata = envelope->region[0] == '\0' || strcmp(envelope->region, known->iata) == 0;
        *out_id = known->id;
        if ((same_name && same_iata) || !may_rename)
            return STATUS_OK;
        if (known != observer)
            *observer = *known;
    } else {
        memset(observer, 0, sizeof *observer);
        memcpy(observer->key, key, sizeof key);
    }
    enum status status = STATUS_OK;
    if (known == NULL)
        status = load_observer(store, envelope->observer, observer);
    if (status == STATUS_NOT_FOUND) {
        IGNORE(take_names(envelope, observer), "a new row takes what there is");
        status = insert_observer(store, envelope->observer, receipt_ms, observer);
        out->observer_upserted = true;
    } else if (status == STATUS_OK && may_rename && take_names(envelope, observer)) {
        status = rename_observer(store, observer);
        out->observer_upserted = true;
    }
    if (status != STATUS_OK)
        return status;
    record->has_observer = true;
    *out_id = observer->id;
    return STATUS_OK;
}

/* --- sources ------------------------------------------------------------------------------------------- */

enum status store_source_resolve(struct store *store, const char *name, int64_t *out_id)
{
    for (size_t i = 0; i < store->source_count; i++)
        if (strcmp(store->sources[i].name, name) == 0) {
            *out_id = store->sources[i].id;
            return STATUS_OK;
        }
    struct store_source *source = &store->record.new_source;
    (void)snprintf(source->name, sizeof source->name, "%s", name);
    bind_text(store, SQL_SOURCE_FIND, 1, source->name);
    enum status status = store_row(store, SQL_SOURCE_FIND);
    if (status == STATUS_OK) {
        source->id = sqlite3_column_int64(store->stmts[SQL_SOURCE_FIND], 0);
        store_done(store, SQL_SOURCE_FIND);
    } else if (status == STATUS_NOT_FOUND) {
        bind_text(store, SQL_SOURCE_INSERT, 1, source->name);
        status = store_run(store, SQL_SOURCE_INSERT);
        source->id = sqlite3_last_insert_rowid(store->db);
    }
    if (status != STATUS_OK)
        return status;
    store->record.has_source = true;
    *out_id = source->id;
    return STATUS_OK;
}
