/* SPDX-License-Identifier: MIT */
#include "cmd/server/channels/channel_list.h"

#include "cmd/server/channels/channel_name.h"
#include "cmd/server/channels/last_message.h"
#include "cmd/server/model/regions.h"
#include "common/db/schema.h"
#include "common/json/json_write.h"

#include <stdlib.h>
#include <string.h>

static const char SQL_CHANNELS[] =
    "SELECT id, name, is_encrypted, message_count, last_ms FROM channels ORDER BY id";
static const char SQL_SINCE[] =
    "SELECT coalesce(min(first_observation), -1) FROM hours WHERE hour >= ?1";
/* The receptions first, newest first and bounded; then which of them are messages. */
static const char SQL_HEARD[] =
    "SELECT p.observer_id, p.receipt_ms, m.channel_id, m.transmission_id"
    " FROM (SELECT observer_id, receipt_ms, transmission_id FROM observations WHERE id >= ?1"
    "  ORDER BY id DESC LIMIT ?2) p"
    " LEFT JOIN messages m ON m.transmission_id = p.transmission_id";

#define LATE_EVERY 1024 /* rows between two looks at the clock */

struct channel {
    int64_t id;
    char *name; /* owned */
    bool is_encrypted;
    int64_t messages, last_ms;
    int64_t observations, newest; /* with a region: how often heard, the newest transmission */
};

struct channels {
    struct channel *all; /* owned; by id */
    size_t count;
};

static void channels_done(struct channels *channels)
{
    for (size_t i = 0; i < channels->count; i++)
        free(channels->all[i].name);
    free(channels->all);
}

static bool channels_read(struct channels *channels, struct asking *asking)
{
    struct statement *sql = reader_statement(asking->reader, SQL_CHANNELS);
    size_t cap = 0;
    *channels = (struct channels){.all = NULL};
    while (sql != NULL && statement_row(sql) == STATUS_OK) {
        if (channels->count == cap) {
            cap = cap > 0 ? 2 * cap : 64;
            struct channel *more = reallocarray(channels->all, cap, sizeof *more);
            if (more == NULL)
                break;
            channels->all = more;
        }
        struct channel *c = &channels->all[channels->count];
        *c = (struct channel){.id = column_int(sql, 0),
                              .name = strdup((const char *)sqlite3_column_text(sql->handle, 1)),
                              .is_encrypted = column_int(sql, 2) != 0,
                              .messages = column_int(sql, 3),
                              .last_ms = column_int(sql, 4)};
        if (c->name == NULL)
            break;
        channels->count++;
    }
    statement_done(sql);
    return sql != NULL;
}

static int compare_id(const void *key, const void *element)
{
    const int64_t *id = key;
    const struct channel *c = element;
    return *id < c->id ? -1 : *id > c->id;
}

static struct channel *find(const struct channels *channels, int64_t id)
{
    return channels->count > 0
               ? bsearch(&id, channels->all, channels->count, sizeof *channels->all, compare_id)
               : NULL;
}

/* --- by region -------------------------------------------------------------------------------- */

struct heard_once {
    int64_t transmission_id;
    struct channel *channel;
};

struct heard {
    struct heard_once *all; /* owned; as often as it was heard */
    size_t count, cap;
};

static bool keep(struct heard *heard, int64_t transmission_id, struct channel *channel)
{
    if (heard->count == heard->cap) {
        const size_t cap = heard->cap > 0 ? 2 * heard->cap : 1024;
        struct heard_once *more = reallocarray(heard->all, cap, sizeof *more);
        if (more == NULL)
            return false;
        heard->all = more;
        heard->cap = cap;
    }
    heard->all[heard->count++] = (struct heard_once){transmission_id, channel};
    return true;
}

static int by_transmission(const void *a, const void *b)
{
    const struct heard_once *x = a, *y = b;
    return x->transmission_id < y->transmission_id ? -1 : x->transmission_id > y->transmission_id;
}

/* In the order of ids: a transmission is one message, and the last is the newest. */
static void count_messages(struct heard *heard)
{
    if (heard->count > 0)
        qsort(heard->all, heard->count, sizeof *heard->all, by_transmission);
    for (size_t i = 0; i < heard->count; i++) {
        struct channel *c = heard->all[i].channel;
        c->observations++;
        c->messages += c->newest != heard->all[i].transmission_id;
        c->newest = heard->all[i].transmission_id;
    }
}

static int64_t first_of_day(struct asking *asking, int64_t from_ms)
{
    struct statement *sql = reader_statement(asking->reader, SQL_SINCE);
    int64_t id = -1;
    if (sql == NULL)
        return -1;
    bind_int(sql, 1, from_ms / ROLLUP_HOUR_MS);
    return statement_number(sql, &id) == STATUS_OK ? id : -1;
}

/* False = no memory, or the question failed. */
static bool count_region(struct channels *channels, struct asking *asking,
                         const struct regions *regions, bool *out_complete)
{
    const int64_t from_ms = asking->now / US_PER_MS - MS_PER_DAY;
    const int64_t low = first_of_day(asking, from_ms);
    struct heard heard = {.all = NULL};
    bool is_good = true;
    bool is_late = false;
    int64_t rows = 0;
    for (size_t i = 0; i < channels->count; i++)
        channels->all[i].messages = channels->all[i].last_ms = 0;
    *out_complete = true;
    if (low < 0)
        return true; /* nothing was received in these hours */
    struct statement *sql = reader_statement(asking->reader, SQL_HEARD);
    if (sql == NULL)
        return false;
    bind_int(sql, 1, low);
    bind_int(sql, 2, CHANNELS_RECEPTIONS);
    while (is_good && !is_late && statement_row(sql) == STATUS_OK) {
        is_late = ++rows % LATE_EVERY == 0 && asking_is_late(asking);
        const int64_t ms = column_int(sql, 1);
        struct channel *c = find(channels, column_int(sql, 2));
        if (c == NULL || ms <= from_ms || !regions_have(regions, column_int(sql, 0)))
            continue;
        c->last_ms = ms > c->last_ms ? ms : c->last_ms;
        is_good = keep(&heard, column_int(sql, 3), c);
    }
    statement_done(sql);
    count_messages(&heard);
    free(heard.all);
    *out_complete = rows < CHANNELS_RECEPTIONS && !is_late;
    return is_good;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Those that can be read first, each half the newest activity first. */
static int by_activity(const void *a, const void *b)
{
    const struct channel *x = a, *y = b;
    if (x->is_encrypted != y->is_encrypted)
        return x->is_encrypted ? 1 : -1;
    return x->last_ms < y->last_ms ? 1 : x->last_ms > y->last_ms ? -1 : strcmp(x->name, y->name);
}

static void write_text(struct json_write *w, const char *key, const char *text)
{
    jw_string_or_null(w, key, text != NULL ? text : "");
}

static void write_channel(struct json_write *w, struct asking *asking, const struct channel *c,
                          bool is_regional)
{
    struct last_message last;
    if (is_regional)
        last_message_of(&last, asking, c->newest);
    else
        last_message_read(&last, asking, c->id);
    jw_object(w, NULL);
    jw_string(w, "hash", c->name);
    channel_name_write(w, "name", c->name, c->is_encrypted);
    write_text(w, "lastMessage", last.text);
    write_text(w, "lastSender", last.sender);
    jw_int(w, "messageCount", c->messages);
    if (is_regional)
        jw_int(w, "observationCount", c->observations);
    jw_time(w, "lastActivity", c->last_ms * US_PER_MS);
    if (c->is_encrypted)
        jw_bool(w, "encrypted", true);
    jw_object_end(w);
    last_message_done(&last);
}

static void write_list(struct json_write *w, struct asking *asking, const struct channels *channels,
                       bool with_encrypted, bool is_regional)
{
    jw_array(w, "channels");
    for (size_t i = 0; i < channels->count; i++) {
        const struct channel *c = &channels->all[i];
        if (c->messages > 0 && (with_encrypted || !c->is_encrypted))
            write_channel(w, asking, c, is_regional);
    }
    jw_array_end(w);
}

static void answer(struct asking *asking, const struct http_request *request,
                   const struct regions *regions, struct channels *channels,
                   struct http_reply *reply)
{
    bool is_complete = true;
    if (!channels_read(channels, asking) ||
        (!regions->is_any && !count_region(channels, asking, regions, &is_complete)))
        return;
    if (channels->count > 0)
        qsort(channels->all, channels->count, sizeof *channels->all, by_activity);
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    write_list(&w, asking, channels, http_query_is_set(request->query, "includeEncrypted"),
               !regions->is_any);
    if (!regions->is_any) {
        jw_string(&w, "window", "24h");
        jw_bool(&w, "complete", is_complete);
        reply->kept_s = CHANNELS_KEPT_S;
    }
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

void channel_list_answer(struct asking *asking, const struct http_request *request,
                         struct http_reply *reply)
{
    struct regions regions;
    struct channels channels = {.all = NULL};
    if (regions_read(&regions, asking, request->query))
        answer(asking, request, &regions, &channels, reply);
    channels_done(&channels);
    regions_done(&regions);
}
