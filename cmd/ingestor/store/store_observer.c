/* SPDX-License-Identifier: MIT
 *
 * One row per key, whatever its case. A key of 64 hex digits is kept in upper case, as publishers
 * send it; of a free name the byte-wise smallest spelling stays, because which came first depends
 * on the order of arrival. Name and region: the newest statement stays, of two equally new ones the
 * greater. How new a name is changes with every packet, so it waits in the cache for the end of the
 * batch, and is written by the statement that writes the counts. Skew waits there too: an observer
 * whose clock is wrong says so with every packet. An entry holds one hour's count; another hour,
 * which is rare, is written at once. */
#include "cmd/ingestor/store/store_observer.h"

#include "cmd/ingestor/store/store_meta.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct store_observers {
    struct statement find, insert, canonicalize, heard, update, skew_add, skew_prune;
    struct observer_cache *cache; /* owned */
    struct deltas packets;        /* of the open transaction, by observer */
};

static const struct store_observers blank = {
    .find = SQL(
        "SELECT id, identity, name, name_ms, iata, iata_ms, skew_ms, skew_s FROM observers WHERE"
        " identity = ?1"),
    .insert = SQL(
        "INSERT INTO observers (identity, name, name_ms, iata, iata_ms, first_ms) VALUES (?1, ?2, ?3,"
        " ?4, ?5, ?6)"),
    .canonicalize = SQL("UPDATE observers SET identity = ?2 WHERE id = ?1"),
    .heard = SQL("UPDATE observers SET first_ms = min(first_ms, ?2), last_ms = iif(?3, " LAST_SEEN(
        "last_ms", "?4", "?2") ", last_ms), is_inactive = iif(?3, 0, is_inactive) WHERE id"
                               " = ?1"),
    /* ?2 to ?4 the delta, NULL = no packet, ?4 NULL = none but retained ones; ?5 to ?10 what the
     * cache knows better, NULL = nothing; ?11 = now */
    .update = SQL(
        "UPDATE observers SET packet_count = packet_count + coalesce(?2, 0),"
        " first_ms = min(first_ms, coalesce(?3, first_ms)),"
        " last_ms = iif(?4 IS NULL, last_ms, " LAST_SEEN(
            "last_ms", "?11",
            "?4") "),"
                  " last_packet_ms = iif(?4 IS NULL, last_packet_ms, " LAST_SEEN(
                      "last_packet_ms", "?11",
                      "?4") "),"
                            " is_inactive = iif(?4 IS NULL, is_inactive, 0),"
                            " name = coalesce(?5, name), name_ms = coalesce(?6, name_ms),"
                            " iata = coalesce(?7, iata), iata_ms = coalesce(?8, iata_ms),"
                            " skew_ms = coalesce(?9, skew_ms), skew_s = coalesce(?10, skew_s) WHERE id = ?1"),
    .skew_add = SQL("INSERT INTO observer_skew (observer_id, hour, n) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT (observer_id, hour) DO UPDATE SET n = n + excluded.n"),
    .skew_prune = SQL("DELETE FROM observer_skew WHERE observer_id = ?1 AND hour = ?2 AND n <= 0"),
};

/* --- the cache: open addressing over an array of entries -------------------------------------- */

/* 2 MB. When it is full it is written and emptied: cheaper than choosing, and it refills
 * in a second. */
#define STORE_OBSERVERS 4096
#define SLOTS           (STORE_OBSERVERS * 2)
/* Observers that have pending counts; more are written before the commit. */
#define PENDING_MAX 16384

struct observer_cache {
    size_t count, dirty_count;
    uint16_t slots[SLOTS];           /* index + 1 into entries, 0 = empty */
    uint16_t dirty[STORE_OBSERVERS]; /* indices of the entries that the rows don't know yet */
    struct store_observer entries[STORE_OBSERVERS];
};

enum status store_observers_open(struct store *store, struct err *err)
{
    struct store_observers *observers =
        connection_part(&store->connection, &blank, sizeof blank,
                        STATEMENTS_BEFORE(struct store_observers, cache), err);
    if (observers == NULL)
        return err->status;
    store->observers = observers;
    observers->cache = calloc(1, sizeof *observers->cache);
    if (observers->cache == NULL || !deltas_init(&observers->packets, PENDING_MAX))
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for the cache of observers");
    return STATUS_OK;
}

void store_observers_close(struct store *store)
{
    if (store->observers == NULL)
        return;
    deltas_done(&store->observers->packets);
    free(store->observers->cache);
}

static bool is_full(const struct observer_cache *cache)
{
    return cache->count == STORE_OBSERVERS;
}

static void empty(struct observer_cache *cache)
{
    cache->count = 0;
    cache->dirty_count = 0;
    memset(cache->slots, 0, sizeof cache->slots);
}

void store_observers_clear(struct store *store)
{
    deltas_clear(&store->observers->packets);
}

void store_observers_forget(struct store *store)
{
    empty(store->observers->cache);
    store_observers_clear(store);
}

static char lower_ascii(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* FNV-1a over the lower case; the comparison is that of NOCASE. Chosen identities can make a probe
 * long, but no longer than the cache. */
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
        assert(!is_full(cache)); /* store_savepoint made room */
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

/* Of the newest word about the clock and of one hour's count. */
static void merge_skew(struct store_skew *skew, const struct store_skew *news)
{
    if (news->ms > skew->ms || (news->ms == skew->ms && news->s > skew->s)) {
        skew->ms = news->ms;
        skew->s = news->s;
    }
    if (news->n != 0) {
        skew->hour = news->hour;
        skew->n += news->n;
    }
}

static void renew_unchanged(struct observer_cache *cache, const struct store_unchanged *unchanged)
{
    struct store_observer *entry = unchanged->entry;
    if (unchanged->name_ms > entry->name_ms || unchanged->iata_ms > entry->iata_ms)
        mark_dirty(cache, entry);
    if (unchanged->name_ms > entry->name_ms)
        entry->name_ms = unchanged->name_ms;
    if (unchanged->iata_ms > entry->iata_ms)
        entry->iata_ms = unchanged->iata_ms;
}

void store_observers_merge(struct store *store, const struct store_record *record)
{
    struct observer_cache *cache = store->observers->cache;
    struct store_observer *entry = record->unchanged.entry;
    if (record->observer.id != 0) {
        const bool is_added = deltas_add(&store->observers->packets, &record->observer);
        assert(is_added); /* store_observers_make_room */
        (void)is_added;
    }
    if (record->has_observer)
        entry = put(cache, &record->new_observer);
    else if (entry != NULL)
        renew_unchanged(cache, &record->unchanged);
    if (entry != NULL && (record->skew.ms != 0 || record->skew.n != 0)) {
        merge_skew(&entry->skew, &record->skew);
        mark_dirty(cache, entry);
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum status add_skew(struct store *store, int64_t observer_id, int64_t hour, int64_t n)
{
    bind_int(&store->observers->skew_add, 1, observer_id);
    bind_int(&store->observers->skew_add, 2, hour);
    bind_int(&store->observers->skew_add, 3, n);
    enum status status = statement_run(&store->observers->skew_add);
    if (status != STATUS_OK || n > 0)
        return status;
    bind_int(&store->observers->skew_prune, 1, observer_id);
    bind_int(&store->observers->skew_prune, 2, hour);
    return statement_run(&store->observers->skew_prune);
}

/* The pending count of an hour. */
static enum status write_skew(struct store *store, struct store_observer *observer)
{
    const int64_t n = observer->skew.n;
    if (n == 0)
        return STATUS_OK;
    observer->skew.n = 0;
    return add_skew(store, observer->id, observer->skew.hour, n);
}

static int compare_dirty(const void *a, const void *b, void *cache)
{
    const struct store_observer *entries = ((const struct observer_cache *)cache)->entries;
    int64_t x = entries[*(const uint16_t *)a].id;
    int64_t y = entries[*(const uint16_t *)b].id;
    return (x > y) - (x < y);
}

static void bind_delta(struct store *store, const struct delta *row)
{
    bind_int(&store->observers->update, 1, row->id);
    bind_int(&store->observers->update, 2, row->count);
    bind_int(&store->observers->update, 3, row->first_ms);
    if (row->last_ms != 0)
        bind_int(&store->observers->update, 4, row->last_ms);
}

static void bind_known(struct store *store, struct store_observer *observer)
{
    bind_int(&store->observers->update, 1, observer->id);
    bind_text(&store->observers->update, 5, observer->name);
    bind_int(&store->observers->update, 6, observer->name_ms);
    bind_text(&store->observers->update, 7, observer->iata);
    bind_int(&store->observers->update, 8, observer->iata_ms);
    if (observer->skew.ms != 0) {
        bind_int(&store->observers->update, 9, observer->skew.ms);
        bind_int(&store->observers->update, 10, observer->skew.s);
    }
    observer->is_dirty = false;
}

/* Either may be NULL. The skew first: were it to fail in between, what is bound would stay for
 * the next batch. */
static enum status write_observer(struct store *store, const struct delta *row,
                                  struct store_observer *observer)
{
    const enum status status = observer != NULL ? write_skew(store, observer) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (row != NULL)
        bind_delta(store, row);
    if (observer != NULL)
        bind_known(store, observer);
    bind_int(&store->observers->update, 11, store->now_ms);
    return statement_run(&store->observers->update);
}

/* Two lists in the order of ids, walked together: those that were heard, those whose
 * row is behind. */
enum status store_observers_write(struct store *store)
{
    struct observer_cache *cache = store->observers->cache;
    size_t heard = 0;
    size_t dirty = 0;
    size_t count = 0;
    const struct delta *rows = deltas_sorted(&store->observers->packets, &count);
    qsort_r(cache->dirty, cache->dirty_count, sizeof cache->dirty[0], compare_dirty, cache);
    while (heard < count || dirty < cache->dirty_count) {
        struct store_observer *observer =
            dirty < cache->dirty_count ? &cache->entries[cache->dirty[dirty]] : NULL;
        const struct delta *row = heard < count ? &rows[heard] : NULL;
        if (row != NULL && observer != NULL && row->id != observer->id) {
            if (row->id < observer->id)
                observer = NULL;
            else
                row = NULL;
        }
        heard += row != NULL;
        dirty += observer != NULL;
        const enum status status = write_observer(store, row, observer);
        if (status != STATUS_OK)
            return status;
    }
    cache->dirty_count = 0;
    deltas_clear(&store->observers->packets);
    return STATUS_OK;
}

enum status store_observers_make_room(struct store *store)
{
    struct observer_cache *cache = store->observers->cache;
    if (deltas_room(&store->observers->packets) != 0 && !is_full(cache))
        return STATUS_OK;
    const enum status status = store_observers_write(store);
    if (status == STATUS_OK && is_full(cache))
        empty(cache);
    return status;
}

enum status store_observer_heard(struct store *store, int64_t observer_id, int64_t receipt_ms,
                                 bool is_alive)
{
    bind_int(&store->observers->heard, 1, observer_id);
    bind_int(&store->observers->heard, 2, receipt_ms);
    bind_int(&store->observers->heard, 3, is_alive);
    bind_int(&store->observers->heard, 4, store->now_ms);
    return statement_run(&store->observers->heard);
}

/* --- observers -------------------------------------------------------------------------------- */

static bool is_hex(char c)
{
    c = lower_ascii(c);
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool store_observer_canonicalize(char dst[static STORE_IDENTITY_MAX], const char *identity)
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
    bind_text(&store->observers->find, 1, identity);
    enum status status = statement_row(&store->observers->find);
    if (status != STATUS_OK)
        return status;
    const struct statement *row = &store->observers->find;
    memset(out, 0, sizeof *out);
    out->id = column_int(row, 0);
    copy_column(out->identity, sizeof out->identity, row, 1);
    copy_column(out->name, sizeof out->name, row, 2);
    out->name_ms = column_int(row, 3);
    copy_column(out->iata, sizeof out->iata, row, 4);
    out->iata_ms = column_int(row, 5);
    out->skew.ms = column_int(row, 6);
    out->skew.s = column_int(row, 7); /* NULL reads as 0 */
    statement_done(&store->observers->find);
    return STATUS_OK;
}

static enum status insert_observer(struct store *store, int64_t receipt_ms,
                                   struct store_observer *observer)
{
    bind_text(&store->observers->insert, 1, observer->identity);
    bind_text(&store->observers->insert, 2, observer->name);
    bind_int(&store->observers->insert, 3, observer->name_ms);
    bind_text(&store->observers->insert, 4, observer->iata);
    bind_int(&store->observers->insert, 5, observer->iata_ms);
    bind_int(&store->observers->insert, 6, receipt_ms);
    enum status status = statement_run(&store->observers->insert);
    if (status != STATUS_OK)
        return status;
    observer->id = sqlite3_last_insert_rowid(store->connection.db);
    observer->is_dirty = false;
    store->record.counts.observers++;
    return STATUS_OK;
}

/* What an observer says of itself, and how new that is. */
struct telling {
    const char *text;
    int64_t as_of_ms, now_ms;
};

/* Takes a statement if it is newer than the known one, or as new and greater; a time in the future
 * counts as now, or it would freeze the text. Returns whether the text is another one now. */
static bool take(char *known, size_t cap, int64_t *known_ms, const struct telling *told)
{
    if (told->text[0] == '\0')
        return false;
    if (*known_ms > told->now_ms)
        *known_ms = told->now_ms;
    int order = strcmp(told->text, known);
    bool is_taken = told->as_of_ms > *known_ms || (told->as_of_ms == *known_ms && order > 0);
    if (is_taken)
        *known_ms = told->as_of_ms;
    if (!is_taken || order == 0)
        return false;
    (void)snprintf(known, cap, "%s", told->text);
    return true;
}

static bool take_names(const struct store *store, const struct envelope *envelope, int64_t as_of_ms,
                       struct store_observer *observer)
{
    char name[STORE_IDENTITY_MAX] = "";
    if (envelope->origin[0] != '\0')
        (void)store_clean_name(store, name, (const uint8_t *)envelope->origin,
                               strlen(envelope->origin));
    const int64_t name_ms = observer->name_ms;
    const int64_t iata_ms = observer->iata_ms;
    struct telling told = {name, as_of_ms, store->now_ms};
    bool changed = take(observer->name, sizeof observer->name, &observer->name_ms, &told);
    told.text = envelope->region;
    if (take(observer->iata, sizeof observer->iata, &observer->iata_ms, &told))
        changed = true;
    observer->is_dirty = observer->is_dirty || changed || observer->name_ms != name_ms ||
                         observer->iata_ms != iata_ms;
    return changed;
}

static enum status write_identity(struct store *store, const char *identity,
                                  struct store_observer *observer)
{
    memcpy(observer->identity, identity, sizeof observer->identity);
    bind_int(&store->observers->canonicalize, 1, observer->id);
    bind_text(&store->observers->canonicalize, 2, observer->identity);
    return statement_run(&store->observers->canonicalize);
}

static bool is_canonical(const struct store_observer *known, const char *identity)
{
    return known->is_key || strcmp(identity, known->identity) >= 0;
}

/* The usual way, without a copy of the entry: a known observer that says what it always says.
 * False: it does not. */
static bool note_unchanged(struct store *store, struct store_observer *known,
                           const struct envelope *envelope, int64_t as_of_ms)
{
    bool has_name = envelope->origin[0] != '\0';
    bool has_iata = envelope->region[0] != '\0';
    if ((has_name && strcmp(envelope->origin, known->name) != 0) ||
        (has_iata && strcmp(envelope->region, known->iata) != 0) ||
        !is_canonical(known, envelope->observer))
        return false;
    store->record.unchanged = (struct store_unchanged){
        .entry = known, .name_ms = has_name ? as_of_ms : 0, .iata_ms = has_iata ? as_of_ms : 0};
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
    observer->is_key = store_observer_canonicalize(observer->identity, envelope->observer);
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
    observer->is_key = store_observer_canonicalize(identity, envelope->observer);
    if (take_names(store, envelope, as_of_ms, observer))
        out->observer_upserted = true;
    if (strcmp(identity, observer->identity) >= 0)
        return STATUS_OK;
    out->observer_upserted = true;
    return write_identity(store, identity, observer);
}

static struct store_observer *find_known(struct store *store, const struct envelope *envelope)
{
    struct observer_cache *cache = store->observers->cache;
    const uint16_t slot = *slot_of(cache, envelope->observer);
    return slot != 0 ? &cache->entries[slot - 1] : NULL;
}

enum status store_observer_admit(struct store *store, const struct envelope *envelope,
                                 int64_t receipt_ms, enum outcome *out)
{
    *out = OUTCOME_NONE;
    if (find_known(store, envelope) != NULL)
        return STATUS_OK;
    const enum status status =
        load_observer(store, envelope->observer, &store->record.new_observer);
    return status == STATUS_NOT_FOUND ? store_limit_observers(store, receipt_ms, out) : status;
}

enum status store_observer_resolve(struct store *store, const struct envelope *envelope,
                                   int64_t receipt_ms, int64_t as_of_ms, int64_t *out_id,
                                   struct store_result *out)
{
    *out_id = 0;
    struct store_record *record = &store->record;
    struct store_observer *const known = find_known(store, envelope);
    if (known != NULL && note_unchanged(store, known, envelope, as_of_ms)) {
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

/* --- clocks ----------------------------------------------------------------------------------- */

static bool is_free(const struct store_skew *skew, int64_t hour)
{
    return skew->n == 0 || skew->hour == hour;
}

int64_t store_skew_of(const struct envelope *envelope, int64_t receipt_ms)
{
    int64_t skew_s = ENVELOPE_NO_SKEW;
    if (envelope->has_time && envelope->time_is_naive)
        (void)envelope_resolve_time(envelope, receipt_ms, &skew_s);
    return skew_s;
}

enum status store_observer_count_skew(struct store *store, int64_t receipt_ms, int count)
{
    const struct store_observer *observer = store_record_observer(&store->record);
    struct store_skew *pending = &store->record.skew;
    const int64_t hour = receipt_ms / MS_PER_HOUR;
    if (!is_free(pending, hour) || !is_free(&observer->skew, hour))
        return add_skew(store, observer->id, hour, count);
    pending->hour = hour;
    pending->n += count;
    return STATUS_OK;
}

void store_observer_note_skew(struct store *store, int64_t receipt_ms, int64_t skew_s)
{
    if (skew_s != ENVELOPE_NO_SKEW)
        merge_skew(&store->record.skew, &(struct store_skew){.ms = receipt_ms, .s = skew_s});
}
