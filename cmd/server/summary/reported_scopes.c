/* SPDX-License-Identifier: MIT */
#include "cmd/server/summary/reported_scopes.h"

#include "cmd/server/tally/table.h"
#include "common/base/hex.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_SLICE   10000
#define NEIGHBOR_MAX (2 * MESHCORE_KEY_BYTES + 1)
#define NAMES_BYTES  ((size_t)1 << 20) /* of all together */

static const char SQL_SCOPES[] =
    "SELECT observer_id, neighbor, scopes_ms, scopes FROM reported_neighbors"
    " WHERE (observer_id, neighbor) > (?1, ?2) ORDER BY observer_id, neighbor LIMIT ?3";

struct key {
    uint8_t bytes[MESHCORE_KEY_BYTES]; /* zeros behind len */
    uint32_t len;
};

struct report {
    struct key key;
    uint32_t offset; /* of the names */
    int64_t as_of_ms;
};

struct reported_scopes {
    struct shared shared;
    struct table reports;
    uint64_t lens; /* bits 1 << len */
    char *names;   /* owned */
    size_t names_len, names_room;
};

static void destroy(struct shared *shared)
{
    struct reported_scopes *s = (struct reported_scopes *)(void *)shared;
    table_done(&s->reports);
    free(s->names);
    free(s);
}

/* Of equally new answers the greater text: which observer comes first must not matter. */
static bool is_newer(const struct reported_scopes *s, const struct report *report, int64_t as_of_ms,
                     const char *scopes)
{
    return as_of_ms > report->as_of_ms ||
           (as_of_ms == report->as_of_ms && strcmp(scopes, s->names + report->offset) > 0);
}

static bool keep_names(struct reported_scopes *s, const char *names, uint32_t *out_offset)
{
    const size_t bytes = strlen(names) + 1;
    if (s->names_len + bytes > NAMES_BYTES)
        return false;
    if (s->names_len + bytes > s->names_room) {
        const size_t room = min_size(max_size(s->names_room * 2, 4096), NAMES_BYTES);
        char *grown = realloc(s->names, room);
        if (grown == NULL)
            return false;
        s->names = grown;
        s->names_room = room;
    }
    memcpy(s->names + s->names_len, names, bytes);
    *out_offset = (uint32_t)s->names_len;
    s->names_len += bytes;
    return true;
}

void reported_scopes_note(struct reported_scopes *s, const char *neighbor, int64_t as_of_ms,
                          const char *names)
{
    struct key key = {0};
    size_t len = 0;
    bool is_new = false;
    uint32_t offset = 0;
    if (!hex_decode(neighbor, strlen(neighbor), key.bytes, sizeof key.bytes, &len) || len == 0)
        return;
    key.len = (uint32_t)len;
    struct report *report = table_take(&s->reports, &key, &is_new);
    if (report == NULL || (!is_new && !is_newer(s, report, as_of_ms, names)))
        return;
    s->lens |= UINT64_C(1) << len;
    if (is_new || strcmp(names, s->names + report->offset) != 0) {
        if (!keep_names(s, names, &offset))
            return;
        report->offset = offset;
    }
    report->as_of_ms = as_of_ms;
}

static void note(struct reported_scopes *s, const struct statement *row, const char *neighbor)
{
    const char *scopes = (const char *)sqlite3_column_text(row->handle, 3);
    if (!column_is_null(row, 2) && scopes != NULL)
        reported_scopes_note(s, neighbor, column_int(row, 2), scopes);
}

/* Where the next slice begins. */
struct place {
    int64_t observer_id;
    char neighbor[NEIGHBOR_MAX];
};

/* False: it could not be read. */
static bool read_slice(struct reported_scopes *s, struct reader *reader, struct place *place,
                       bool *out_at_end)
{
    struct err err = {0};
    size_t count = 0;
    if (reader_begin(reader, READER_SLICE_US, &err) != STATUS_OK)
        return false;
    struct statement *row = reader_statement(reader, SQL_SCOPES);
    if (row != NULL) {
        bind_int(row, 1, place->observer_id);
        bind_text(row, 2, place->neighbor);
        bind_int(row, 3, ROWS_SLICE);
    }
    struct place next = *place;
    while (row != NULL && statement_row(row) == STATUS_OK) {
        next.observer_id = column_int(row, 0);
        copy_column(next.neighbor, sizeof next.neighbor, row, 1);
        note(s, row, next.neighbor);
        count++;
    }
    *place = next;
    *out_at_end = count < ROWS_SLICE;
    return reader_end(reader) == READER_ANSWERED;
}

static struct reported_scopes *new_scopes(void)
{
    struct reported_scopes *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    shared_init(&s->shared, destroy);
    table_init(&s->reports, sizeof(struct report), sizeof(struct key), REPORTED_NODES_MAX);
    return s;
}

struct reported_scopes *reported_scopes_from(const struct summary_from *from)
{
    if (from->source == NULL)
        return reported_scopes_read(from->reader);
    struct reported_scopes *s = new_scopes();
    if (s == NULL || from->source->scopes(from->context, s))
        return s;
    shared_unref(&s->shared);
    return NULL;
}

struct reported_scopes *reported_scopes_read(struct reader *reader)
{
    struct reported_scopes *s = new_scopes();
    struct place place = {0};
    bool at_end = false;
    if (s == NULL)
        return NULL;
    while (!at_end) {
        if (!read_slice(s, reader, &place, &at_end)) {
            shared_unref(&s->shared);
            return NULL;
        }
    }
    return s;
}

struct shared *reported_scopes_shared(struct reported_scopes *s)
{
    return &s->shared;
}

void reported_scopes_unref(const struct reported_scopes *s)
{
    shared_unref((struct shared *)(uintptr_t)s);
}

bool reported_scopes_has_len(const struct reported_scopes *s, size_t len)
{
    return (s->lens >> len & 1) != 0;
}

const char *reported_scopes_find(const struct reported_scopes *s, const uint8_t *key, size_t len,
                                 int64_t *out_as_of_ms)
{
    struct key wanted = {.len = (uint32_t)len};
    memcpy(wanted.bytes, key, len);
    const struct report *report = table_find(&s->reports, &wanted);
    if (report == NULL)
        return NULL;
    *out_as_of_ms = report->as_of_ms;
    return s->names + report->offset;
}
