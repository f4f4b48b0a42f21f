/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/source.h"

#include "cmd/server/readers/reader.h"
#include "common/db/schema.h"

#include <assert.h>

#define FIRST_CHUNK   32
#define FIRST_OF_MANY 8
#define MANY          8
/* Of the receptions that are looked through for a relay at once. One packet's are read again when a
 * chunk ends in the middle of them. */
#define RELAY_CHUNK 2048

/* ?1 and ?2 bound the ids, ?3 the rows, ?4 is the key. Every plan is pinned: INDEXED BY, or NOT
 * INDEXED, which is along the table. */
#define DOWN(id) id " BETWEEN ?1 AND ?2 ORDER BY " id " DESC LIMIT ?3"
#define UP(id)   id " BETWEEN ?1 AND ?2 ORDER BY " id " LIMIT ?3"
#define PACKET   "SELECT id, type, route, first_ms, coalesce(sender, 0) FROM transmissions"
#define OF_TYPE  "SELECT t.id, t.type, t.route, t.first_ms, coalesce(t.sender, 0) FROM "
#define MESSAGE                                                                                    \
    "SELECT transmission_id FROM messages INDEXED BY messages_channel WHERE channel_id = ?4 AND "
#define PATHS                                                                                       \
    "SELECT k.transmission_id, o.path_size, o.path FROM observation_keys k CROSS JOIN observations" \
    " o ON o.id = k.id WHERE "
#define OBSERVER                                                                                   \
    "SELECT id, transmission_id FROM observations INDEXED BY observations_observer WHERE"          \
    " observer_id = ?4 AND "

static const char SQL_PACKETS_DOWN[] = PACKET " NOT INDEXED WHERE " DOWN("id");
static const char SQL_PACKETS_UP[] = PACKET " NOT INDEXED WHERE " UP("id");
static const char SQL_TYPE_DOWN[] =
    OF_TYPE SCHEMA_OF_TYPE("?4", "?1", "?2") " ORDER BY b.block DESC, t.id DESC LIMIT ?3";
static const char SQL_TYPE_UP[] =
    OF_TYPE SCHEMA_OF_TYPE("?4", "?1", "?2") " ORDER BY b.block, t.id LIMIT ?3";
static const char SQL_SENDER_DOWN[] =
    PACKET " INDEXED BY transmissions_sender WHERE sender = ?4 AND " DOWN("id");
static const char SQL_SENDER_UP[] =
    PACKET " INDEXED BY transmissions_sender WHERE sender = ?4 AND " UP("id");
static const char SQL_CHANNEL_DOWN[] = MESSAGE DOWN("transmission_id");
static const char SQL_CHANNEL_UP[] = MESSAGE UP("transmission_id");
static const char SQL_RELAYS_DOWN[] = PATHS DOWN("k.transmission_id");
static const char SQL_RELAYS_UP[] = PATHS UP("k.transmission_id");
static const char SQL_RECEPTIONS_DOWN[] =
    "SELECT id, transmission_id, observer_id FROM observations NOT INDEXED WHERE " DOWN("id");
static const char SQL_RECEPTIONS_UP[] =
    "SELECT id, transmission_id, observer_id FROM observations NOT INDEXED WHERE " UP("id");
static const char SQL_OBSERVER_DOWN[] = OBSERVER DOWN("id");
static const char SQL_OBSERVER_UP[] = OBSERVER UP("id");

static const char SQL_TYPE_COUNT[] = "SELECT min(coalesce(sum(n), 0), ?2) FROM (SELECT n FROM"
                                     " type_blocks WHERE type = ?1 LIMIT ?2)";
static const char SQL_SENDER_COUNT[] =
    "SELECT count(*) FROM (SELECT 1 FROM transmissions INDEXED BY"
    " transmissions_sender WHERE sender = ?1 LIMIT ?2)";
static const char SQL_CHANNEL_COUNT[] = "SELECT count(*) FROM (SELECT 1 FROM messages INDEXED BY"
                                        " messages_channel WHERE channel_id = ?1 LIMIT ?2)";
static const char SQL_OBSERVER_COUNT[] =
    "SELECT count(*) FROM (SELECT 1 FROM observations INDEXED BY"
    " observations_observer WHERE observer_id = ?1 LIMIT ?2)";

static const struct {
    const char *down, *up, *count;
    bool has_key, has_row, is_of_receptions;
} kinds[SOURCE_KINDS] = {
    [SOURCE_PACKETS] = {SQL_PACKETS_DOWN, SQL_PACKETS_UP, NULL, false, true, false},
    [SOURCE_TYPE] = {SQL_TYPE_DOWN, SQL_TYPE_UP, SQL_TYPE_COUNT, true, true, false},
    [SOURCE_SENDER] = {SQL_SENDER_DOWN, SQL_SENDER_UP, SQL_SENDER_COUNT, true, true, false},
    [SOURCE_CHANNEL] = {SQL_CHANNEL_DOWN, SQL_CHANNEL_UP, SQL_CHANNEL_COUNT, true, false, false},
    [SOURCE_RELAYS] = {SQL_RELAYS_DOWN, SQL_RELAYS_UP, NULL, false, false, false},
    [SOURCE_RECEPTIONS] = {SQL_RECEPTIONS_DOWN, SQL_RECEPTIONS_UP, NULL, false, false, true},
    [SOURCE_OBSERVER] = {SQL_OBSERVER_DOWN, SQL_OBSERVER_UP, SQL_OBSERVER_COUNT, true, false, true},
};

void source_init(struct source *source, enum source_kind kind, int64_t key,
                 const struct id_range *range, size_t among)
{
    source->kind = kind;
    source->key = key;
    source->nodes = NULL;
    source->left = *range;
    source->chunk = among > MANY ? FIRST_OF_MANY : FIRST_CHUNK;
    source->count = source->at = 0;
    source->is_ended = range->low > range->high;
}

int64_t source_bound(const struct source *source)
{
    return source->left.is_ascending ? source->left.low : source->left.high;
}

/* Everything up to `id` was read. */
static void move_bound(struct source *source, int64_t id)
{
    if (source->left.is_ascending)
        source->left.low = id + 1;
    else
        source->left.high = id - 1;
    source->is_ended = source->left.low > source->left.high;
}

static struct statement *begin(const struct source *source, struct reader *reader, int64_t rows)
{
    const char *sql = source->left.is_ascending ? kinds[source->kind].up : kinds[source->kind].down;
    struct statement *statement = reader_statement(reader, sql);
    if (statement == NULL)
        return NULL;
    bind_int(statement, 1, source->left.low);
    bind_int(statement, 2, source->left.high);
    bind_int(statement, 3, rows);
    if (kinds[source->kind].has_key)
        bind_int(statement, 4, source->key);
    return statement;
}

static void read_candidate(const struct source *source, const struct statement *row,
                           struct candidate *out)
{
    *out = (struct candidate){.id = column_int(row, 0)};
    out->transmission_id = kinds[source->kind].is_of_receptions ? column_int(row, 1) : out->id;
    if (source->kind == SOURCE_RECEPTIONS)
        out->observer_id = column_int(row, 2);
    out->has_row = kinds[source->kind].has_row;
    if (!out->has_row)
        return;
    out->type = (uint8_t)column_int(row, 1);
    out->route = (uint8_t)column_int(row, 2);
    out->first_ms = column_int(row, 3);
    out->sender_id = column_int(row, 4);
}

static void fill(struct source *source, struct reader *reader, int64_t *budget)
{
    const int64_t wanted = *budget < (int64_t)source->chunk ? *budget : (int64_t)source->chunk;
    struct statement *rows = begin(source, reader, wanted);
    if (rows == NULL) {
        source->is_ended = true;
        return;
    }
    while (statement_row(rows) == STATUS_OK)
        read_candidate(source, rows, &source->rows[source->count++]);
    *budget -= (int64_t)source->count;
    if ((int64_t)source->count < wanted)
        source->is_ended = true;
    else
        move_bound(source, source->rows[source->count - 1].id);
    source->chunk = min_size(2 * source->chunk, SOURCE_CHUNK);
}

static void note_relayed(struct source *source, int64_t id)
{
    if (source->count == 0 || source->rows[source->count - 1].id != id)
        source->rows[source->count++] =
            (struct candidate){.id = id, .transmission_id = id, .is_relayed = true};
}

/* Ends when the rows are full, or after one chunk: the packet at which it ends may have more
 * receptions, and is read again. */
static void fill_relays(struct source *source, struct reader *reader, int64_t *budget)
{
    const int64_t wanted = *budget < RELAY_CHUNK ? *budget : RELAY_CHUNK;
    struct statement *rows = begin(source, reader, wanted);
    int64_t seen = 0;
    int64_t first = 0;
    int64_t last = 0;
    if (rows == NULL) {
        source->is_ended = true;
        return;
    }
    while (source->count < SOURCE_CHUNK && statement_row(rows) == STATUS_OK) {
        const uint8_t *path = sqlite3_column_blob(rows->handle, 2);
        const size_t len = (size_t)sqlite3_column_bytes(rows->handle, 2);
        last = column_int(rows, 0);
        first = seen++ == 0 ? last : first;
        if (path != NULL && filter_names_hop(source->nodes, (size_t)column_int(rows, 1), path, len))
            note_relayed(source, last);
    }
    const bool is_cut = seen == wanted || source->count == SOURCE_CHUNK;
    statement_done(rows);
    *budget -= seen;
    if (!is_cut) {
        source->is_ended = true;
        return;
    }
    if (last == first && wanted == RELAY_CHUNK) { /* of so many the rest is left out */
        move_bound(source, last);
        return;
    }
    if (source->count > 0 && source->rows[source->count - 1].id == last)
        source->count--;
    if (last != first)
        move_bound(source, source->left.is_ascending ? last - 1 : last + 1);
}

const struct candidate *source_peek(struct source *source, struct reader *reader, int64_t *budget)
{
    while (source->at == source->count && !source->is_ended && *budget > 0) {
        source->at = source->count = 0;
        if (source->kind == SOURCE_RELAYS)
            fill_relays(source, reader, budget);
        else
            fill(source, reader, budget);
    }
    return source->at < source->count ? &source->rows[source->at] : NULL;
}

void source_drop(struct source *source)
{
    assert(source->at < source->count);
    source->at++;
}

int64_t source_count(enum source_kind kind, int64_t key, struct reader *reader, int64_t max)
{
    const char *sql = kinds[kind].count;
    return sql != NULL ? reader_number_of(reader, sql, KEYS(key, max), max) : max;
}
