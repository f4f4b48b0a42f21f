/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/lists.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet_read.h"
#include "cmd/server/packets/times.h"
#include "common/base/hex.h"

#include <stdlib.h>
#include <string.h>

#define DROPPED_LIMIT     100
#define DROPPED_LIMIT_MAX 10000 /* the table holds no more */

const struct http_parameter lists_timestamps_parameters[] = {
    {"since", HTTP_PARAMETER_TIME, "first received after this; required"},
    {0},
};

const struct http_parameter lists_dropped_parameters[] = {
    {"limit", HTTP_PARAMETER_INT, "100, at most 10000"},
    {"observer", HTTP_PARAMETER_TEXT, "of this observer"},
    {"pubkey", HTTP_PARAMETER_TEXT, "adverts of the node with this key"},
    {0},
};

/* --- timestamps ------------------------------------------------------------------------------- */

static const char SQL_TIMES[] =
    "SELECT first_ms FROM transmissions NOT INDEXED WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC"
    " LIMIT ?3";

static int compare_times(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* How many of the newest moments after `since` there are. */
static size_t read_times(struct asking *asking, int64_t since_ms, int64_t *out)
{
    struct reader *reader = asking->reader;
    const struct engine *engine = asking->model->engine;
    if (engine != NULL) {
        const size_t n = engine->first_receipts(asking, since_ms, LISTS_TIMESTAMPS_MAX, out);
        qsort(out, n, sizeof *out, compare_times);
        return n;
    }
    const struct id_range range = times_range(reader, false, since_ms, INT64_MAX);
    struct statement *rows = reader_statement(reader, SQL_TIMES);
    size_t count = 0;
    if (rows == NULL)
        return 0;
    bind_int(rows, 1, range.low);
    bind_int(rows, 2, range.high);
    bind_int(rows, 3, LISTS_TIMESTAMPS_MAX);
    while (statement_row(rows) == STATUS_OK) {
        out[count] = column_int(rows, 0);
        count += out[count] > since_ms;
    }
    qsort(out, count, sizeof *out, compare_times);
    return count;
}

void lists_timestamps(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply)
{
    int64_t since_ms = INT64_MIN;
    if (!http_query_time(request->query, "since", &since_ms) || since_ms == INT64_MIN) {
        http_reply_field_error(reply, 400, "since",
                               "required: RFC 3339, unix seconds or unix milliseconds");
        return;
    }
    int64_t *times = malloc(LISTS_TIMESTAMPS_MAX * sizeof *times);
    if (times == NULL) {
        http_reply_error(reply, 503, "out of memory");
        return;
    }
    struct json_write w;
    const size_t count = read_times(asking, since_ms, times);
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_array(&w, NULL);
    for (size_t i = 0; i < count; i++)
        packet_time(&w, NULL, times[i]);
    jw_array_end(&w);
    free(times);
    http_reply_json(reply, &w);
}

/* --- dropped ---------------------------------------------------------------------------------- */

static const char SQL_DROPPED[] =
    "SELECT id, hash, raw, reason, coalesce(observer, ''), node_key, coalesce(node_name, ''),"
    " first_ms, last_ms FROM dropped_packets"
    " WHERE (?1 IS NULL OR observer = ?1 COLLATE NOCASE) AND (?2 IS NULL OR node_key = ?2)"
    " ORDER BY id DESC LIMIT ?3";

struct dropping {
    struct json_write *w;
    const struct directory *directory; /* NULL = not known */
};

static void write_dropped(void *context, const struct engine_drop *drop)
{
    const struct dropping *d = context;
    struct json_write *w = d->w;
    const struct observer *observer =
        d->directory != NULL ? directory_find_observer(d->directory, drop->observer) : NULL;
    jw_object(w, NULL);
    jw_int(w, "id", drop->id);
    jw_hex_lower(w, "hash", drop->hash, sizeof drop->hash);
    if (drop->raw == NULL)
        jw_null(w, "raw_hex");
    else
        jw_hex_upper(w, "raw_hex", drop->raw, drop->raw_len);
    jw_string_or_null(w, "reason", drop->reason);
    jw_string_or_null(w, "observer_id", drop->observer);
    jw_string_or_null(w, "observer_name", observer != NULL ? observer->name : "");
    if (drop->node_key == NULL)
        jw_null(w, "node_pubkey");
    else
        jw_hex_lower(w, "node_pubkey", drop->node_key, drop->node_key_len);
    jw_string_or_null(w, "node_name", drop->node_name);
    packet_time(w, "dropped_at", drop->first_ms);
    packet_time(w, "last_dropped_at", drop->last_ms);
    jw_object_end(w);
}

static const char *text_of(const struct statement *row, int column)
{
    return (const char *)sqlite3_column_text(row->handle, column);
}

static void write_row(struct dropping *d, const struct statement *row)
{
    struct engine_drop drop = {.id = column_int(row, 0),
                               .raw = sqlite3_column_blob(row->handle, 2),
                               .raw_len = (size_t)sqlite3_column_bytes(row->handle, 2),
                               .node_key = sqlite3_column_blob(row->handle, 5),
                               .node_key_len = (size_t)sqlite3_column_bytes(row->handle, 5),
                               .reason = text_of(row, 3),
                               .observer = text_of(row, 4),
                               .node_name = text_of(row, 6),
                               .first_ms = column_int(row, 7),
                               .last_ms = column_int(row, 8)};
    const uint8_t *hash = sqlite3_column_blob(row->handle, 1);
    if (hash != NULL)
        memcpy(drop.hash, hash,
               min_size(sizeof drop.hash, (size_t)sqlite3_column_bytes(row->handle, 1)));
    write_dropped(d, &drop);
}

/* False = the question failed. */
static bool read_dropped(struct asking *asking, const struct engine_drops *wanted,
                         struct dropping *d)
{
    if (asking->model->engine != NULL)
        return asking->model->engine->drops(asking, wanted, write_dropped, d);
    struct statement *rows = reader_statement(asking->reader, SQL_DROPPED);
    if (rows == NULL)
        return false;
    bind_given(rows, 1, wanted->observer);
    if (wanted->node_key != NULL)
        bind_blob(rows, 2, wanted->node_key, MESHCORE_KEY_BYTES);
    bind_int(rows, 3, (int64_t)wanted->max);
    while (statement_row(rows) == STATUS_OK)
        write_row(d, rows);
    return true;
}

/* False = it is none. NULL = not asked for. */
static bool read_key(const char *text, uint8_t out[static MESHCORE_KEY_BYTES])
{
    size_t len = 0;
    return hex_decode(text, strlen(text), out, MESHCORE_KEY_BYTES, &len) &&
           len == MESHCORE_KEY_BYTES;
}

void lists_dropped(struct asking *asking, const struct http_request *request,
                   struct http_reply *reply)
{
    const char *pubkey = http_query_text(request->query, "pubkey");
    uint8_t key[MESHCORE_KEY_BYTES];
    if (pubkey != NULL && !read_key(pubkey, key)) {
        http_reply_field_error(reply, 400, "pubkey", "64 hex digits");
        return;
    }
    const struct engine_drops wanted = {
        .observer = http_query_text(request->query, "observer"),
        .node_key = pubkey != NULL ? key : NULL,
        .max = http_query_limit(request->query, "limit", DROPPED_LIMIT, DROPPED_LIMIT_MAX)};
    struct json_write w;
    struct dropping d = {&w, asking_directory(asking)};
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_array(&w, NULL);
    (void)read_dropped(asking, &wanted, &d); /* then the reply is thrown away */
    jw_array_end(&w);
    http_reply_json(reply, &w);
}
