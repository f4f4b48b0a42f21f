/* SPDX-License-Identifier: MIT */
#include "cmd/server/channels/channel_messages.h"

#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet_read.h"
#include "cmd/server/model/regions.h"
#include "common/db/schema.h"
#include "common/json/json_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEARERS_MAX 1000 /* receptions of a message that are looked at */
#define CURSOR_CAP  48

static const char SQL_CHANNEL[] = "SELECT id, message_count FROM channels WHERE name = ?1";
/* Read until the page is full: the index is in the order of transmission ids. */
static const char SQL_ON_AIR[] =
    "SELECT m.transmission_id, t.first_ms FROM messages m INDEXED BY messages_channel"
    " CROSS JOIN transmissions t ON t.id = m.transmission_id"
    " WHERE m.channel_id = ?1 AND m.transmission_id < ?2 ORDER BY m.transmission_id DESC";
static const char SQL_TOLD[] =
    "SELECT id, receipt_ms FROM companion_messages INDEXED BY companion_messages_channel"
    " WHERE channel_id = ?1 AND id < ?2 ORDER BY id DESC";
static const char SQL_MESSAGE[] =
    "SELECT t.first_ms, t.last_ms, t.observation_count, lower(hex(t.hash)), m.sender, m.text,"
    " m.sender_time FROM messages m CROSS JOIN transmissions t ON t.id = m.transmission_id"
    " WHERE m.transmission_id = ?1";
static const char SQL_COMPANION[] =
    "SELECT receipt_ms, sender, text, sender_time, snr FROM companion_messages WHERE id = ?1";
static const char SQL_HEARERS[] =
    "SELECT o.id, o.observer_id, length(o.path) / max(o.path_size, 1), o.snr FROM " SCHEMA_OBSERVATIONS_OF(
        "?1") " ORDER BY o.id LIMIT ?2";
static const char SQL_WHO_HEARD[] =
    "SELECT observer_id FROM observation_keys WHERE transmission_id = ?1 LIMIT ?2";

/* --- the channel's two streams, merged -------------------------------------------------------- */

/* Of one table, newest first: the next row that was not taken. */
struct stream {
    struct statement *sql;
    int64_t below; /* the ids that were not given out */
    int64_t id, ms;
    bool has_row;
};

static void stream_next(struct stream *stream)
{
    stream->has_row = stream->sql != NULL && statement_row(stream->sql) == STATUS_OK;
    if (!stream->has_row) {
        stream->sql = NULL;
        return;
    }
    stream->id = column_int(stream->sql, 0);
    stream->ms = column_int(stream->sql, 1);
}

static void stream_begin(struct stream *stream, struct asking *asking, const char *text,
                         int64_t channel_id, int64_t below)
{
    *stream = (struct stream){.sql = reader_statement(asking->reader, text), .below = below};
    if (stream->sql == NULL)
        return;
    bind_int(stream->sql, 1, channel_id);
    bind_int(stream->sql, 2, below);
    stream_next(stream);
}

static void stream_take(struct stream *stream)
{
    stream->below = stream->id;
    stream_next(stream);
}

static void stream_end(struct stream *stream)
{
    if (stream->sql != NULL)
        statement_done(stream->sql);
}

struct entry {
    int64_t id;
    bool is_told; /* by a companion */
};

struct page {
    struct entry entries[MESSAGES_LIMIT_MAX]; /* the newest first */
    size_t count;
    int64_t total;
    bool is_complete, has_more;
    int64_t next[2]; /* of the cursor: below these ids */
};

struct wish {
    int64_t channel_id;
    size_t limit, offset;
    int64_t below[2]; /* messages, companion texts */
    const struct regions *regions;
};

/* NULL = both are at their end. */
static struct stream *newer_of(struct stream *air, struct stream *told)
{
    if (!air->has_row)
        return told->has_row ? told : NULL;
    return told->has_row && told->ms > air->ms ? told : air;
}

static bool is_heard(struct asking *asking, const struct regions *regions, int64_t transmission_id)
{
    struct statement *sql = reader_statement(asking->reader, SQL_WHO_HEARD);
    bool is_found = false;
    if (sql == NULL)
        return false;
    bind_int(sql, 1, transmission_id);
    bind_int(sql, 2, HEARERS_MAX);
    while (!is_found && statement_row(sql) == STATUS_OK)
        is_found = regions_have(regions, column_int(sql, 0));
    statement_done(sql);
    return is_found;
}

static void take(struct page *page, const struct wish *wish, size_t passed, struct stream *stream,
                 const struct stream *told)
{
    if (passed < wish->offset || page->has_more)
        return;
    if (page->count == wish->limit)
        page->has_more = true;
    else
        page->entries[page->count++] = (struct entry){stream->id, stream == told};
}

/* With a region it goes on behind the page, to count. */
static void find_page(struct page *page, struct asking *asking, const struct wish *wish)
{
    struct stream air, told = {.sql = NULL};
    const bool is_regional = !wish->regions->is_any;
    size_t looked_at = 0;
    size_t passed = 0;
    stream_begin(&air, asking, SQL_ON_AIR, wish->channel_id, wish->below[0]);
    if (!is_regional)
        stream_begin(&told, asking, SQL_TOLD, wish->channel_id, wish->below[1]);
    page->next[0] = wish->below[0];
    page->next[1] = wish->below[1];
    for (struct stream *s; (s = newer_of(&air, &told)) != NULL; stream_take(s)) {
        if (is_regional && (looked_at++ == MESSAGES_LOOKED_AT || asking_is_late(asking))) {
            page->is_complete = false;
            break;
        }
        if (is_regional && !is_heard(asking, wish->regions, s->id))
            continue;
        take(page, wish, passed++, s, &told);
        if (page->has_more && !is_regional)
            break;
        if (!page->has_more)
            page->next[s == &told] = s->id;
    }
    stream_end(&air);
    stream_end(&told);
    if (is_regional)
        page->total = (int64_t)passed;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_time(struct json_write *w, const char *key, int64_t ms)
{
    jw_time(w, key, ms * US_PER_MS);
}

static void write_text(struct json_write *w, const char *key, const struct statement *row,
                       int column)
{
    const char *text = (const char *)sqlite3_column_text(row->handle, column);
    if (text != NULL)
        jw_string(w, key, text);
    else
        jw_null(w, key);
}

static void write_number(struct json_write *w, const char *key, const struct statement *row,
                         int column)
{
    if (column_is_null(row, column))
        jw_null(w, key);
    else
        jw_int(w, key, column_int(row, column));
}

struct hearers {
    int64_t ids[HEARERS_MAX];
    size_t count;
};

static bool is_new(struct hearers *hearers, int64_t id)
{
    for (size_t i = 0; i < hearers->count; i++) {
        if (hearers->ids[i] == id)
            return false;
    }
    hearers->ids[hearers->count++] = id;
    return true;
}

struct hearing {
    struct json_write *w;
    struct asking *asking;
    bool has_begun;
    struct hearers hearers;
};

struct heard {
    int64_t id, observer_id, hops;
    double snr;
};

/* packetId, hops and snr of the first, then all who heard it. */
static void write_hearer(struct hearing *h, const struct heard *heard)
{
    if (!h->has_begun) {
        jw_int(h->w, "packetId", heard->id);
        jw_int(h->w, "hops", heard->hops);
        jw_real(h->w, "snr", heard->snr);
        jw_array(h->w, "observers");
    }
    h->has_begun = true;
    const struct observer *o = asking_observer(h->asking, heard->observer_id);
    if (o != NULL && !o->is_hidden && is_new(&h->hearers, o->id))
        jw_string(h->w, NULL, o->name[0] != '\0' ? o->name : o->identity);
}

static void end_hearers(const struct hearing *h)
{
    if (h->has_begun)
        jw_array_end(h->w);
}

static void write_hearers(struct json_write *w, struct asking *asking, int64_t transmission_id)
{
    struct statement *sql = reader_statement(asking->reader, SQL_HEARERS);
    struct hearing h = {.w = w, .asking = asking};
    if (sql == NULL)
        return;
    bind_int(sql, 1, transmission_id);
    bind_int(sql, 2, HEARERS_MAX);
    while (statement_row(sql) == STATUS_OK)
        write_hearer(&h, &(struct heard){column_int(sql, 0), column_int(sql, 1), column_int(sql, 2),
                                         column_real(sql, 3)});
    end_hearers(&h);
}

/* The row of this id, to be done with; NULL = there is none. */
static struct statement *row_of(struct asking *asking, const char *text, int64_t id)
{
    struct statement *sql = reader_statement(asking->reader, text);
    if (sql == NULL)
        return NULL;
    bind_int(sql, 1, id);
    return statement_row(sql) == STATUS_OK ? sql : NULL;
}

static void write_on_air(struct json_write *w, struct asking *asking, int64_t id)
{
    struct statement *sql = row_of(asking, SQL_MESSAGE, id);
    if (sql == NULL)
        return;
    jw_object(w, NULL);
    write_text(w, "sender", sql, 4);
    write_text(w, "text", sql, 5);
    write_time(w, "timestamp", column_int(sql, 1));
    write_time(w, "first_seen", column_int(sql, 0));
    write_number(w, "sender_timestamp", sql, 6);
    write_text(w, "packetHash", sql, 3);
    jw_int(w, "repeats", column_int(sql, 2));
    statement_done(sql);
    write_hearers(w, asking, id);
    jw_object_end(w);
}

static void write_told(struct json_write *w, struct asking *asking, int64_t id)
{
    struct statement *sql = row_of(asking, SQL_COMPANION, id);
    if (sql == NULL)
        return;
    jw_object(w, NULL);
    write_text(w, "sender", sql, 1);
    write_text(w, "text", sql, 2);
    write_time(w, "timestamp", column_int(sql, 0));
    write_time(w, "first_seen", column_int(sql, 0));
    write_number(w, "sender_timestamp", sql, 3);
    jw_null(w, "packetHash");
    jw_int(w, "repeats", 0);
    jw_null(w, "packetId");
    jw_null(w, "hops");
    jw_real(w, "snr", column_real(sql, 4));
    jw_array(w, "observers");
    jw_array_end(w);
    jw_object_end(w);
    statement_done(sql);
}

/* --- of an engine ----------------------------------------------------------------------------- */

struct telling {
    struct json_write *w;
    struct asking *asking;
    const struct wish *wish;
    struct page *page;
    size_t passed, looked_at;
    struct kept {
        int64_t id, first_ms, sender_time;
        char *sender, *text; /* owned */
        double snr;
    } * kept; /* owned; the newest first */
};

static char *copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

struct hearsay {
    const struct regions *regions;
    bool is_heard;
};

static void note_heard(void *context, const struct packet_observation *seen)
{
    struct hearsay *h = context;
    h->is_heard |= regions_have(h->regions, seen->observer_id);
}

/* With a region: one of its observers heard it. */
static bool is_wanted(const struct telling *t, const struct engine_message *told)
{
    struct hearsay h = {.regions = t->wish->regions};
    struct packet packet;
    struct packet_observation shown;
    if (h.regions->is_any)
        return true;
    if (packet_read_best(t->asking, told->id, &packet, &shown))
        (void)packet_each_observation(t->asking, &packet, note_heard, &h);
    return h.is_heard;
}

static void keep_message(void *context, const struct engine_message *told)
{
    struct telling *t = context;
    if (++t->looked_at > MESSAGES_LOOKED_AT && !t->wish->regions->is_any) {
        t->page->is_complete = false;
        return;
    }
    if (!is_wanted(t, told))
        return;
    if (t->passed++ < t->wish->offset || t->page->has_more)
        return;
    t->page->has_more = t->page->count == t->wish->limit;
    if (t->page->has_more)
        return;
    t->page->next[0] = told->first_ms;
    t->page->next[1] = told->place;
    t->kept[t->page->count++] = (struct kept){.id = told->id,
                                              .first_ms = told->first_ms,
                                              .sender_time = told->sender_time,
                                              .sender = copy(told->sender),
                                              .text = copy(told->text),
                                              .snr = told->snr};
}

static void write_seen(void *context, const struct packet_observation *seen)
{
    struct hearing *h = context;
    const int64_t hops = seen->path_len / (seen->path_size > 0 ? seen->path_size : 1);
    write_hearer(h, &(struct heard){seen->id, seen->observer_id, hops, seen->snr});
}

static void write_kept(struct telling *t, const struct kept *kept)
{
    struct json_write *w = t->w;
    struct hearing h = {.w = w, .asking = t->asking};
    struct packet packet = {.last_ms = kept->first_ms, .first_ms = kept->first_ms};
    struct packet_observation shown;
    const bool is_on_air = kept->id != 0;
    if (is_on_air && !packet_read_best(t->asking, kept->id, &packet, &shown))
        return; /* its rows are under way */
    jw_object(w, NULL);
    jw_string_or_null(w, "sender", kept->sender != NULL ? kept->sender : "");
    jw_string_or_null(w, "text", kept->text != NULL ? kept->text : "");
    write_time(w, "timestamp", packet.last_ms);
    write_time(w, "first_seen", packet.first_ms);
    if (kept->sender_time == DIRECTORY_UNKNOWN)
        jw_null(w, "sender_timestamp");
    else
        jw_int(w, "sender_timestamp", kept->sender_time);
    if (is_on_air) {
        jw_hex_lower(w, "packetHash", packet.hash, sizeof packet.hash);
        jw_int(w, "repeats", packet.observation_count);
        (void)packet_each_observation(t->asking, &packet, write_seen, &h);
        end_hearers(&h);
    } else {
        jw_null(w, "packetHash");
        jw_int(w, "repeats", 0);
        jw_null(w, "packetId");
        jw_null(w, "hops");
        jw_real(w, "snr", kept->snr);
        jw_array(w, "observers");
        jw_array_end(w);
    }
    jw_object_end(w);
}

static void write_told_page(struct json_write *w, struct asking *asking, struct page *page,
                            const struct wish *wish, const char *channel)
{
    const struct engine *engine = asking->model->engine;
    const bool is_regional = !wish->regions->is_any;
    struct telling t = {.w = w, .asking = asking, .wish = wish, .page = page};
    const struct engine_messages wanted = {.channel = channel,
                                           .below_ms = wish->below[0],
                                           .below = wish->below[1],
                                           .max = is_regional ? MESSAGES_LOOKED_AT + 1
                                                              : wish->offset + wish->limit + 1,
                                           .is_on_air = is_regional};
    t.kept = calloc(wish->limit + 1, sizeof *t.kept);
    if (t.kept == NULL)
        return;
    if (!is_regional)
        page->total = engine->count_messages(asking, channel);
    if (engine->messages(asking, &wanted, keep_message, &t)) {
        page->total = is_regional ? (int64_t)t.passed : page->total;
        for (size_t i = page->count; i-- > 0;)
            write_kept(&t, &t.kept[i]);
    }
    for (size_t i = 0; i < page->count; i++) {
        free(t.kept[i].sender);
        free(t.kept[i].text);
    }
    free(t.kept);
}

static void write_page(struct json_write *w, struct asking *asking, struct page *page,
                       const struct wish *wish, const char *channel)
{
    char cursor[CURSOR_CAP];
    const bool is_regional = !wish->regions->is_any;
    jw_object(w, NULL);
    jw_array(w, "messages");
    if (asking->model->engine != NULL)
        write_told_page(w, asking, page, wish, channel);
    for (size_t i = asking->model->engine != NULL ? 0 : page->count; i-- > 0;) {
        if (page->entries[i].is_told)
            write_told(w, asking, page->entries[i].id);
        else
            write_on_air(w, asking, page->entries[i].id);
    }
    jw_array_end(w);
    jw_int(w, "total", page->total);
    if (is_regional)
        jw_bool(w, "complete", page->is_complete);
    if (page->has_more) {
        (void)snprintf(cursor, sizeof cursor, "%" PRId64 "-%" PRId64, page->next[0], page->next[1]);
        jw_string(w, "nextCursor", cursor);
    }
    jw_object_end(w);
}

/* ---------------------------------------------------------------------------------------------- */

static bool read_id(const char *text, char stop, int64_t *out, const char **out_end)
{
    char *end = NULL;
    errno = 0;
    const long long id = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || errno != 0 || *end != stop)
        return false;
    *out = id;
    *out_end = end;
    return true;
}

/* "<transmission>-<companion text>" */
static bool read_cursor(const char *text, int64_t below[static 2])
{
    const char *end;
    below[0] = below[1] = INT64_MAX;
    if (text == NULL || *text == '\0')
        return true;
    return read_id(text, '-', &below[0], &end) && read_id(end + 1, '\0', &below[1], &end);
}

static bool read_channel(struct asking *asking, const char *name, struct wish *wish,
                         struct page *page)
{
    struct statement *sql = reader_statement(asking->reader, SQL_CHANNEL);
    if (sql == NULL)
        return false;
    bind_text(sql, 1, name);
    if (statement_row(sql) != STATUS_OK)
        return false;
    wish->channel_id = column_int(sql, 0);
    page->total = column_int(sql, 1);
    statement_done(sql);
    return true;
}

void channel_messages_answer(struct asking *asking, const struct http_request *request,
                             struct http_reply *reply)
{
    const struct http_query *query = request->query;
    struct regions regions;
    struct page page = {.is_complete = true};
    struct wish wish = {.limit =
                            http_query_limit(query, "limit", MESSAGES_LIMIT, MESSAGES_LIMIT_MAX),
                        .offset = http_query_offset(query, "offset", MESSAGES_OFFSET_MAX),
                        .regions = &regions};
    if (!read_cursor(http_query_text(query, "cursor"), wish.below)) {
        http_reply_field_error(reply, 400, "cursor", "not a cursor: take nextCursor as it stands");
        return;
    }
    if (regions_read(&regions, asking, query)) {
        struct json_write w;
        jw_grow(&w, HTTP_ANSWER_MAX);
        if (asking->model->engine == NULL &&
            read_channel(asking, request->arguments[0], &wish, &page))
            find_page(&page, asking, &wish);
        write_page(&w, asking, &page, &wish, request->arguments[0]);
        http_reply_json(reply, &w);
    }
    regions_done(&regions);
}
