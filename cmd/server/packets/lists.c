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

static void write_blob(struct json_write *w, const char *key, const struct statement *row,
                       int column, bool is_upper)
{
    const uint8_t *bytes = sqlite3_column_blob(row->handle, column);
    const size_t len = (size_t)sqlite3_column_bytes(row->handle, column);
    if (bytes == NULL)
        jw_null(w, key);
    else if (is_upper)
        jw_hex_upper(w, key, bytes, len);
    else
        jw_hex_lower(w, key, bytes, len);
}

static void write_text(struct json_write *w, const char *key, const struct statement *row,
                       int column)
{
    jw_string_or_null(w, key, (const char *)sqlite3_column_text(row->handle, column));
}

static void write_dropped(struct json_write *w, const struct directory *directory,
                          const struct statement *row)
{
    const char *identity = (const char *)sqlite3_column_text(row->handle, 4);
    const struct observer *observer =
        directory != NULL ? directory_find_observer(directory, identity) : NULL;
    jw_object(w, NULL);
    jw_int(w, "id", column_int(row, 0));
    write_blob(w, "hash", row, 1, false);
    write_blob(w, "raw_hex", row, 2, true);
    write_text(w, "reason", row, 3);
    write_text(w, "observer_id", row, 4);
    jw_string_or_null(w, "observer_name", observer != NULL ? observer->name : "");
    write_blob(w, "node_pubkey", row, 5, false);
    write_text(w, "node_name", row, 6);
    packet_time(w, "dropped_at", column_int(row, 7));
    packet_time(w, "last_dropped_at", column_int(row, 8));
    jw_object_end(w);
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
    const char *observer = http_query_text(request->query, "observer");
    const char *pubkey = http_query_text(request->query, "pubkey");
    uint8_t key[MESHCORE_KEY_BYTES];
    if (pubkey != NULL && !read_key(pubkey, key)) {
        http_reply_field_error(reply, 400, "pubkey", "64 hex digits");
        return;
    }
    const struct directory *directory = asking_directory(asking);
    struct statement *rows = reader_statement(asking->reader, SQL_DROPPED);
    struct json_write w;
    if (rows == NULL)
        return;
    bind_given(rows, 1, observer);
    if (pubkey != NULL)
        bind_blob(rows, 2, key, sizeof key);
    bind_int(rows, 3,
             (int64_t)http_query_limit(request->query, "limit", DROPPED_LIMIT, DROPPED_LIMIT_MAX));
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_array(&w, NULL);
    while (statement_row(rows) == STATUS_OK)
        write_dropped(&w, directory, rows);
    jw_array_end(&w);
    http_reply_json(reply, &w);
}
