/* SPDX-License-Identifier: MIT
 *
 * Observers. One row a key, whatever its case. A key of 64 hex digits is kept in upper case, as publishers
 * send it; of a free name the byte-wise smallest spelling stays, because which came first depends on the order
 * of arrival. Name and region: the newest statement stays, of two equally new ones the greater.
 * How new a name is changes with every packet, so it waits in the cache for the end of the batch, and is
 * written by the statement that writes the deltas. */
#include "cmd/ingestor/store/store_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct store_sql_text sql_texts[] = {
    {SQL_OBSERVER_FIND,
     "SELECT id, identity, name, name_ms, iata, iata_ms, skew_ms, skew_s FROM observers WHERE"
     " identity = ?1"},
    {SQL_OBSERVER_INSERT,
     "INSERT INTO observers (identity, name, name_ms, iata, iata_ms, first_ms) VALUES (?1, ?2, ?3,"
     " ?4, ?5, ?6)"},
    {SQL_OBSERVER_RESPELL, "UPDATE observers SET identity = ?2 WHERE id = ?1"},
    {SQL_OBSERVER_HEARD,
     "UPDATE observers SET first_ms = min(first_ms, ?2), last_ms = CASE WHEN ?3 THEN"
     " max(coalesce(last_ms, ?2), ?2) ELSE last_ms END, is_inactive = CASE WHEN ?3 THEN 0 ELSE"
     " is_inactive END WHERE id = ?1"},
    /* ?2 to ?4 the delta, NULL = no packet, ?4 NULL = none but retained ones; ?5 to ?10 what the cache knows
     * better, NULL = nothing */
    {SQL_TOUCH_OBSERVER,
     "UPDATE observers SET packet_count = packet_count + coalesce(?2, 0),"
     " first_ms = min(first_ms, coalesce(?3, first_ms)),"
     " last_ms = CASE WHEN ?4 IS NULL THEN last_ms ELSE max(coalesce(last_ms, ?4), ?4) END,"
     " last_packet_ms = CASE WHEN ?4 IS NULL THEN last_packet_ms"
     "   ELSE max(coalesce(last_packet_ms, ?4), ?4) END,"
     " is_inactive = CASE WHEN ?4 IS NULL THEN is_inactive ELSE 0 END,"
     " name = coalesce(?5, name), name_ms = coalesce(?6, name_ms),"
     " iata = coalesce(?7, iata), iata_ms = coalesce(?8, iata_ms),"
     " skew_ms = coalesce(?9, skew_ms), skew_s = coalesce(?10, skew_s) WHERE id = ?1"},
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
    size_t count, dirty_count;
    uint16_t slots[SLOTS];           /* index + 1 into entries, 0 = empty */
    uint16_t dirty[STORE_OBSERVERS]; /* indices of the entries that the rows don't know yet */
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
    cache->dirty_count = 0;
    memset(cache->slots, 0, sizeof cache->slots);
}

bool observer_cache_is_full(const struct observer_cache *cache)
{
    return cache->count == STORE_OBSERVERS;
}

static char lower_ascii(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* FNV-1a over the lower case; the comparison is that of NOCASE. Chosen identities can make a probe long, but
 * no longer than the cache. */
static uint16_t *slot_of(struct observer_cache *cache, const char *identity)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (const char *c = identity; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)lower_ascii(*c)) * 0x100000001b3U;
    size_t at = (size_t)(hash ^ (hash >> 32)) % SLOTS;
    while (cache->slots[at] != 0 &&
           strcasecmp(cache->entries[cache->slots[at] - 1].identity, identity) != 0)
        at = (at + 1) % SLOTS;
    return &cache->slots[at];
}

static void mark_dirty(struct observer_cache *cache, struct store_observer *entry)
{
    if (entry->is_dirty)
        return;
    entry->is_dirty = true;
    cache->dirty[cache->dirty_count++] = (uint16_t)(entry - cache->entries);
}

static struct store_observer *put(struct observer_cache *cache,
                                  const struct store_observer *observer)
{
    uint16_t *slot = slot_of(cache, observer->identity);
    if (*slot == 0) {
        assert(!observer_cache_is_full(cache)); /* store_savepoint made room */
        *slot = (uint16_t)++cache->count;
        cache->entries[*slot - 1].is_dirty = false;
    }
    struct store_observer *entry = &cache->entries[*slot - 1];
    bool was_dirty = entry->is_dirty;
    *entry = *observer;
    entry->is_dirty = was_dirty;
    if (observer->is_dirty)
        mark_dirty(cache, entry);
    return entry;
}

void observer_cache_merge(struct observer_cache *cache, const struct store_record *record)
{
    struct store_observer *entry = NULL;
    if (record->has_observer) {
        entry = put(cache, &record->new_observer);
    } else if (record->said.entry != 0) {
        const struct store_said *said = &record->said;
        entry = &cache->entries[said->entry - 1];
        if (said->name_ms > entry->name_ms || said->iata_ms > entry->iata_ms)
            mark_dirty(cache, entry);
        if (said->name_ms > entry->name_ms)
            entry->name_ms = said->name_ms;
        if (said->iata_ms > entry->iata_ms)
            entry->iata_ms = said->iata_ms;
    }
    if (entry != NULL && (record->skew.ms != 0 || record->skew.n != 0)) {
        store_skew_merge(&entry->skew, &record->skew);
        mark_dirty(cache, entry);
    }
}

const struct store_observer *store_record_observer(const struct store *store)
{
    const struct store_record *record = &store->record;
    assert(record->has_observer || record->said.entry != 0);
    return record->has_observer ? &record->new_observer
                                : &store->observers->entries[record->said.entry - 1];
}

/* --- writing ------------------------------------------------------------------------------------------- */

static int compare_dirty(const void *a, const void *b, void *cache)
{
    const struct store_observer *entries = ((const struct observer_cache *)cache)->entries;
    int64_t x = entries[*(const uint16_t *)a].id;
    int64_t y = entries[*(const uint16_t *)b].id;
    return (x > y) - (x < y);
}

static void bind_delta(struct store *store, const struct delta *row)
{
    bind_int(store, SQL_TOUCH_OBSERVER, 1, row->id);
    bind_int(store, SQL_TOUCH_OBSERVER, 2, row->count);
    bind_int(store, SQL_TOUCH_OBSERVER, 3, row->first_ms);
    if (row->last_ms != 0)
        bind_int(store, SQL_TOUCH_OBSERVER, 4, row->last_ms);
}

static void bind_known(struct store *store, struct store_observer *observer)
{
    bind_int(store, SQL_TOUCH_OBSERVER, 1, observer->id);
    bind_text(store, SQL_TOUCH_OBSERVER, 5, observer->name);
    bind_int(store, SQL_TOUCH_OBSERVER, 6, observer->name_ms);
    bind_text(store, SQL_TOUCH_OBSERVER, 7, observer->iata);
    bind_int(store, SQL_TOUCH_OBSERVER, 8, observer->iata_ms);
    if (observer->skew.ms != 0) {
        bind_int(store, SQL_TOUCH_OBSERVER, 9, observer->skew.ms);
        bind_int(store, SQL_TOUCH_OBSERVER, 10, observer->skew.s);
    }
    observer->is_dirty = false;
}

/* Either may be NULL. The skew first: were it to fail in between, what is bound would stay for the next batch. */
static enum status write_observer(struct store *store, const struct delta *row,
                                  struct store_observer *observer)
{
    const enum status status = observer != NULL ? store_skew_write(store, observer) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (row != NULL)
        bind_delta(store, row);
    if (observer != NULL)
        bind_known(store, observer);
    return store_run(store, SQL_TOUCH_OBSERVER);
}

/* Two lists in the order of ids, walked together: those that were heard, those that said something. */
enum status store_observers_write(struct store *store)
{
    struct observer_cache *cache = store->observers;
    size_t heard = 0;
    size_t said = 0;
    size_t count = 0;
    const struct delta *rows = deltas_sorted(&store->touched_observers, &count);
    qsort_r(cache->dirty, cache->dirty_count, sizeof cache->dirty[0], compare_dirty, cache);
    while (heard < count || said < cache->dirty_count) {
        struct store_observer *observer =
            said < cache->dirty_count ? &cache->entries[cache->dirty[said]] : NULL;
        const struct delta *row = heard < count ? &rows[heard] : NULL;
        if (row != NULL && observer != NULL && row->id != observer->id) {
            if (row->id < observer->id)
                observer = NULL;
            else
                row = NULL;
        }
        heard += row != NULL;
        said += observer != NULL;
        const enum status status = write_observer(store, row, observer);
        if (status != STATUS_OK)
            return status;
    }
    cache->dirty_count = 0;
    deltas_clear(&store->touched_observers);
    return STATUS_OK;
}

enum status store_observer_heard(struct store *store, int64_t observer_id, int64_t receipt_ms,
                                 bool is_alive)
{
    bind_int(store, SQL_OBSERVER_HEARD, 1, observer_id);
    bind_int(store, SQL_OBSERVER_HEARD, 2, receipt_ms);
    bind_int(store, SQL_OBSERVER_HEARD, 3, is_alive);
    return store_run(store, SQL_OBSERVER_HEARD);
}

/* --- observers ----------------------------------------------------------------------------------------- */

static bool is_hex(char c)
{
    c = lower_ascii(c);
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool store_observer_spell(char dst[static STORE_IDENTITY_MAX], const char *identity)
{
    (void)snprintf(dst, STORE_IDENTITY_MAX, "%s", identity);
    size_t len = 0;
    while (is_hex(dst[len]))
        len++;
    if (dst[len] != '\0' || len != (size_t)MESHCORE_KEY_BYTES * 2)
        return false;
    for (char *c = dst; *c != '\0'; c++)
        if (*c >= 'a')
            *c = (char)(*c - ('a' - 'A'));
    return true;
}

static enum status load_observer(struct store *store, const char *identity,
                                 struct store_observer *out)
{
    bind_text(store, SQL_OBSERVER_FIND, 1, identity);
    enum status status = store_row(store, SQL_OBSERVER_FIND);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *stmt = store->stmts[SQL_OBSERVER_FIND];
    memset(out, 0, sizeof *out);
    out->id = sqlite3_column_int64(stmt, 0);
    copy_column(out->identity, sizeof out->identity, stmt, 1);
    copy_column(out->name, sizeof out->name, stmt, 2);
    out->name_ms = sqlite3_column_int64(stmt, 3);
    copy_column(out->iata, sizeof out->iata, stmt, 4);
    out->iata_ms = sqlite3_column_int64(stmt, 5);
    out->skew.ms = sqlite3_column_int64(stmt, 6);
    out->skew.s = sqlite3_column_int64(stmt, 7); /* NULL reads as 0 */
    store_done(store, SQL_OBSERVER_FIND);
    return STATUS_OK;
}

static enum status insert_observer(struct store *store, int64_t receipt_ms,
                                   struct store_observer *observer)
{
    bind_text(store, SQL_OBSERVER_INSERT, 1, observer->identity);
    bind_text(store, SQL_OBSERVER_INSERT, 2, observer->name);
    bind_int(store, SQL_OBSERVER_INSERT, 3, observer->name_ms);
    bind_text(store, SQL_OBSERVER_INSERT, 4, observer->iata);
    bind_int(store, SQL_OBSERVER_INSERT, 5, observer->iata_ms);
    bind_int(store, SQL_OBSERVER_INSERT, 6, receipt_ms);
    enum status status = store_run(store, SQL_OBSERVER_INSERT);
    if (status != STATUS_OK)
        return status;
    observer->id = sqlite3_last_insert_rowid(store->db);
    observer->is_dirty = false;
    store->record.counts.observers++;
    return STATUS_OK;
}

/* Takes a statement if it is newer than the known one, or as new and greater. Returns whether the text is
 * another one now. */
static bool take(char *known, size_t cap, int64_t *known_ms, const char *said, int64_t as_of_ms)
{
    if (said[0] == '\0')
        return false;
    int order = strcmp(said, known);
    bool is_taken = as_of_ms > *known_ms || (as_of_ms == *known_ms && order > 0);
    if (is_taken)
        *known_ms = as_of_ms;
    if (!is_taken || order == 0)
        return false;
    (void)snprintf(known, cap, "%s", said);
    return true;
}

static bool take_names(const struct store *store, const struct envelope *envelope, int64_t as_of_ms,
                       struct store_observer *observer)
{
    char name[STORE_IDENTITY_MAX] = "";
    if (envelope->origin[0] != '\0')
        (void)store_clean_name(store, name, (const uint8_t *)envelope->origin,
                               strlen(envelope->origin));
    int64_t before = observer->name_ms + observer->iata_ms; /* neither ever goes back */
    bool changed = take(observer->name, sizeof observer->name, &observer->name_ms, name, as_of_ms);
    if (take(observer->iata, sizeof observer->iata, &observer->iata_ms, envelope->region, as_of_ms))
        changed = true;
    observer->is_dirty =
        observer->is_dirty || changed || observer->name_ms + observer->iata_ms != before;
    return changed;
}

static enum status respell(struct store *store, const char *identity,
                           struct store_observer *observer)
{
    memcpy(observer->identity, identity, sizeof observer->identity);
    bind_int(store, SQL_OBSERVER_RESPELL, 1, observer->id);
    bind_text(store, SQL_OBSERVER_RESPELL, 2, observer->identity);
    return store_run(store, SQL_OBSERVER_RESPELL);
}

static bool is_spelled_as(const struct store_observer *known, const char *identity)
{
    return known->is_key || strcmp(identity, known->identity) >= 0;
}

/* The usual way, without a copy of the entry: a known observer that says what it always says. */
static bool says_the_same(struct store *store, const struct store_observer *known,
                          const struct envelope *envelope, int64_t as_of_ms)
{
    bool has_name = envelope->origin[0] != '\0';
    bool has_iata = envelope->region[0] != '\0';
    if ((has_name && strcmp(envelope->origin, known->name) != 0) ||
        (has_iata && strcmp(envelope->region, known->iata) != 0) ||
        !is_spelled_as(known, envelope->observer))
        return false;
    store->record.said =
        (struct store_said){.entry = (size_t)(known - store->observers->entries) + 1,
                            .name_ms = has_name ? as_of_ms : 0,
                            .iata_ms = has_iata ? as_of_ms : 0};
    return true;
}

static enum status make_observer(struct store *store, const struct envelope *envelope,
                                 int64_t receipt_ms, int64_t as_of_ms,
                                 struct store_observer *observer, struct store_result *out)
{
    memset(observer, 0, sizeof *observer); /* it may hold a former record's */
    enum outcome refusal;
    enum status status = store_limit_observers(store, receipt_ms, &refusal);
    if (status != STATUS_OK)
        return status;
    if (refusal != OUTCOME_NONE) {
        *out = (struct store_result){.outcome = refusal};
        return STATUS_OK;
    }
    observer->is_key = store_observer_spell(observer->identity, envelope->observer);
    IGNORE(take_names(store, envelope, as_of_ms, observer), "a new row takes what there is");
    out->observer_upserted = true;
    return insert_observer(store, receipt_ms, observer);
}

/* A known one with something new to say. */
static enum status renew_observer(struct store *store, const struct envelope *envelope,
                                  int64_t as_of_ms, struct store_observer *observer,
                                  struct store_result *out)
{
    char identity[STORE_IDENTITY_MAX];
    observer->is_key = store_observer_spell(identity, envelope->observer);
    if (take_names(store, envelope, as_of_ms, observer))
        out->observer_upserted = true;
    if (strcmp(identity, observer->identity) >= 0)
        return STATUS_OK;
    out->observer_upserted = true;
    return respell(store, identity, observer);
}

enum status store_observer_resolve(struct store *store, const struct envelope *envelope,
                                   int64_t receipt_ms, int64_t as_of_ms, int64_t *out_id,
                                   struct store_result *out)
{
    *out_id = 0;
    struct store_record *record = &store->record;
    const uint16_t slot = *slot_of(store->observers, envelope->observer);
    const struct store_observer *known = slot != 0 ? &store->observers->entries[slot - 1] : NULL;
    if (known != NULL && says_the_same(store, known, envelope, as_of_ms)) {
        *out_id = known->id;
        return STATUS_OK;
    }
    struct store_observer *observer = &record->new_observer;
    enum status status = STATUS_OK;
    if (known != NULL)
        *observer = *known;
    else
        status = load_observer(store, envelope->observer, observer);
    if (status == STATUS_OK)
        status = renew_observer(store, envelope, as_of_ms, observer, out);
    else if (status == STATUS_NOT_FOUND)
        status = make_observer(store, envelope, receipt_ms, as_of_ms, observer, out);
    if (status != STATUS_OK || observer->id == 0)
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
    const enum status status =
        store_name_id(store, SQL_SOURCE_FIND, SQL_SOURCE_INSERT, source->name, &source->id);
    if (status != STATUS_OK)
        return status;
    store->record.has_source = true;
    *out_id = source->id;
    return STATUS_OK;
}
