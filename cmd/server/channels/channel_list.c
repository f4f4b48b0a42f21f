/* SPDX-License-Identifier: MIT */
#include "cmd/server/channels/channel_list.h"

#include "cmd/server/channels/channel_name.h"
#include "cmd/server/channels/last_message.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/grow.h"
#include "cmd/server/model/regions.h"
#include "cmd/server/model/stretches.h"
#include "common/db/schema.h"
#include "common/json/json_write.h"

#include <stdlib.h>
#include <string.h>

static const char SQL_CHANNELS[] =
    "SELECT id, name, is_encrypted, message_count, last_ms FROM channels ORDER BY id";
/* The newest messages; who heard them stands in the keys of receptions alone. */
static const char SQL_HEARD[] =
    "SELECT m.transmission_id, m.channel_id, k.observer_id, k.id"
    " FROM (SELECT transmission_id, channel_id FROM messages WHERE transmission_id >= ?1"
    "  ORDER BY transmission_id DESC LIMIT ?2) m"
    " CROSS JOIN observation_keys k ON k.transmission_id = m.transmission_id";
static const char SQL_RECEIPT[] = "SELECT receipt_ms FROM observations WHERE id = ?1";

#define LATE_EVERY 256 /* messages between two looks at the clock */

struct channel {
    int64_t id;
    char *name; /* owned */
    bool is_encrypted;
    int64_t messages, last_ms;
    struct last_message last; /* owned; of an engine, which gives it along */
    /* With a region: how often heard, its newest transmission and the one counted last. */
    int64_t observations, newest, counted;
};

struct channels {
    struct channel *all; /* owned; by id */
    size_t count, cap;
};

static void channels_done(struct channels *channels)
{
    for (size_t i = 0; i < channels->count; i++) {
        free(channels->all[i].name);
        last_message_done(&channels->all[i].last);
    }
    free(channels->all);
}

/* NULL = no memory. */
static struct channel *add(struct channels *channels, const char *name)
{
    struct channel *more = grow(channels->all, channels->count, &channels->cap, sizeof *more);
    if (more == NULL)
        return NULL;
    channels->all = more;
    struct channel *c = &channels->all[channels->count];
    *c = (struct channel){.name = strdup(name)};
    channels->count += c->name != NULL;
    return c->name != NULL ? c : NULL;
}

static void add_engine_s(void *context, const struct engine_channel *told)
{
    struct channel *c = add(context, told->name);
    if (c == NULL)
        return;
    c->is_encrypted = told->is_encrypted;
    c->messages = told->messages;
    c->last_ms = told->last_ms;
    c->observations = told->observations;
    c->last.sender = told->last_sender != NULL ? strdup(told->last_sender) : NULL;
    c->last.text = told->last_text != NULL ? strdup(told->last_text) : NULL;
}

/* Of an engine; with a region those that it heard in the last 24 hours. */
static bool read_engine_s(struct channels *channels, struct asking *asking,
                          const struct regions *regions, bool *out_whole)
{
    const struct engine *engine = asking->model->engine;
    struct engine_channels among = {.after_ms = asking->now / US_PER_MS - MS_PER_DAY};
    if (regions->is_any)
        return engine->channels(asking, NULL, add_engine_s, channels, out_whole);
    int64_t *observers = regions_observers(regions, &among.observer_count);
    among.observers = observers;
    const bool is_read =
        observers != NULL && engine->channels(asking, &among, add_engine_s, channels, out_whole);
    free(observers);
    return is_read;
}

static bool channels_read(struct channels *channels, struct asking *asking)
{
    struct statement *sql = reader_statement(asking->reader, SQL_CHANNELS);
    while (sql != NULL && statement_row(sql) == STATUS_OK) {
        struct channel *c = add(channels, (const char *)sqlite3_column_text(sql->handle, 1));
        if (c == NULL)
            break;
        c->id = column_int(sql, 0);
        c->is_encrypted = column_int(sql, 2) != 0;
        c->messages = column_int(sql, 3);
        c->last_ms = column_int(sql, 4);
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

/* The rows of a transmission follow each other, the newest transmission first. */
static void count_reception(struct channel *c, int64_t transmission_id, int64_t receipt_ms)
{
    c->last_ms = receipt_ms > c->last_ms ? receipt_ms : c->last_ms;
    c->newest = c->newest == 0 ? transmission_id : c->newest;
    c->messages += c->counted != transmission_id;
    c->counted = transmission_id;
    c->observations++;
}

/* False = the question failed. */
static bool count_region(struct channels *channels, struct asking *asking,
                         const struct regions *regions, bool *out_complete)
{
    const int64_t from_ms = asking->now / US_PER_MS - MS_PER_DAY;
    const int64_t low = stretches_first_packet(asking->reader, from_ms);
    struct channel *c = NULL;
    bool is_late = false;
    int64_t last = 0;
    int64_t messages = 0;
    for (size_t i = 0; i < channels->count; i++)
        channels->all[i].messages = channels->all[i].last_ms = 0;
    *out_complete = true;
    if (low < 0)
        return true; /* nothing was received in these hours */
    struct statement *sql = reader_statement(asking->reader, SQL_HEARD);
    if (sql == NULL)
        return false;
    bind_int(sql, 1, low);
    bind_int(sql, 2, CHANNELS_MESSAGES);
    while (!is_late && statement_row(sql) == STATUS_OK) {
        if (column_int(sql, 0) != last) {
            last = column_int(sql, 0);
            c = find(channels, column_int(sql, 1));
            is_late = ++messages % LATE_EVERY == 0 && asking_is_late(asking);
        }
        if (c == NULL || !regions_have(regions, column_int(sql, 2)))
            continue;
        const int64_t ms =
            reader_number_of(asking->reader, SQL_RECEIPT, KEYS(column_int(sql, 3)), 0);
        if (ms > from_ms)
            count_reception(c, last, ms);
    }
    statement_done(sql);
    *out_complete = messages < CHANNELS_MESSAGES && !is_late;
    return true;
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
    const bool is_told = asking->model->engine != NULL;
    struct last_message last = c->last;
    if (!is_told && is_regional)
        last_message_of(&last, asking, c->newest);
    else if (!is_told)
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
    if (!is_told)
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

/* False = the question failed. */
static bool read_all(struct channels *channels, struct asking *asking,
                     const struct regions *regions, bool *out_complete)
{
    if (asking->model->engine != NULL)
        return read_engine_s(channels, asking, regions, out_complete);
    return channels_read(channels, asking) &&
           (regions->is_any || count_region(channels, asking, regions, out_complete));
}

static void answer(struct asking *asking, const struct http_request *request,
                   const struct regions *regions, struct channels *channels,
                   struct http_reply *reply)
{
    bool is_complete = true;
    if (!read_all(channels, asking, regions, &is_complete))
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
    if (regions_read(&regions, asking, request->query)) /* else the question has failed */
        answer(asking, request, &regions, &channels, reply);
    channels_done(&channels);
    regions_done(&regions);
}
