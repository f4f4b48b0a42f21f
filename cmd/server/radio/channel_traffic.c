/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/channel_traffic.h"

#include "cmd/server/analytics/histogram.h"
#include "cmd/server/analytics/places.h"
#include "cmd/server/channels/channel_name.h"
#include "cmd/server/model/engine.h"
#include "cmd/server/model/stretches.h"
#include "cmd/server/tally/table.h"
#include "common/db/schema.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_ROWS    10000
#define CHANNELS_MAX  4096
#define SENDERS_MAX   60000
#define PAIRS_MAX     200000 /* of name and channel: 12 MB while it counts */
#define POINTS_MAX    20000
#define MESSAGES_TOLD 100000 /* of an engine */
#define CHANNEL_BYTES 64

/* Of messages the newest first; by their own key, never by channel. */
static const char SQL_SLICE[] =
    "SELECT m.transmission_id, m.channel_id, m.sender, length(m.text), t.first_ms"
    " FROM messages m NOT INDEXED CROSS JOIN transmissions t ON t.id = m.transmission_id"
    " WHERE m.transmission_id < ?1 AND m.transmission_id >= ?2"
    " ORDER BY m.transmission_id DESC LIMIT ?3";
static const char SQL_HEARD_BY[] =
    "SELECT k.observer_id FROM " SCHEMA_OBSERVATIONS_OF("?1") " AND o.direction = 0";
static const char SQL_CHANNEL[] = "SELECT name, is_encrypted FROM channels WHERE id = ?1";

struct channel {
    int64_t id; /* the key */
    uint64_t messages, senders;
    int64_t last_ms;
    bool is_encrypted;
    char name[CHANNEL_BYTES];
};

struct sender {
    char name[SENDER_BYTES]; /* the key, with zeros behind */
    uint64_t messages;
};

struct sender_in {
    int64_t channel_id; /* the key, with the name */
    char name[SENDER_BYTES];
};

struct point {
    int64_t channel_id, at; /* the key; at: of its bucket, ms */
    uint64_t messages;
};

struct traffic {
    struct analytics_turn *turn;
    struct places places;
    int64_t bucket_ms, rows, oldest_ms;
    struct table channels, senders, senders_in, points;
    int64_t *lengths; /* owned */
    size_t length_count;
};

/* --- counting --------------------------------------------------------------------------------- */

static void count_sender(struct traffic *t, struct channel *channel, const char *name)
{
    struct sender_in in = {.channel_id = channel->id};
    struct sender key = {.messages = 0};
    bool is_new;
    const size_t len = min_size(strlen(name), SENDER_BYTES - 1);
    memcpy(in.name, name, len);
    memcpy(key.name, name, len);
    struct sender *sender = table_take(&t->senders, key.name, NULL);
    if (sender != NULL)
        sender->messages++;
    if (table_take(&t->senders_in, &in, &is_new) != NULL && is_new)
        channel->senders++;
}

static void count_point(struct traffic *t, int64_t channel_id, int64_t first_ms)
{
    const int64_t key[2] = {channel_id, first_ms - first_ms % t->bucket_ms};
    struct point *point = table_take(&t->points, key, NULL);
    if (point != NULL)
        point->messages++;
}

static void count_message(struct traffic *t, const struct engine_talk *talk)
{
    bool is_new;
    struct channel *channel = table_take(&t->channels, &talk->channel_id, &is_new);
    if (channel == NULL)
        return;
    if (is_new && talk->channel != NULL) {
        memcpy(channel->name, talk->channel, min_size(strlen(talk->channel), CHANNEL_BYTES - 1));
        channel->is_encrypted = strncmp(channel->name, "enc_", 4) == 0;
    }
    channel->messages++;
    channel->last_ms = talk->first_ms > channel->last_ms ? talk->first_ms : channel->last_ms;
    count_point(t, talk->channel_id, talk->first_ms);
    if (talk->sender != NULL && talk->sender[0] != '\0')
        count_sender(t, channel, talk->sender);
    if (talk->text_chars != DIRECTORY_UNKNOWN && t->length_count < LENGTHS_SHOWN)
        t->lengths[t->length_count++] = talk->text_chars;
}

static bool is_wanted(struct traffic *t, int64_t transmission_id)
{
    if (t->places.is_any)
        return true;
    struct statement *sql = reader_statement(t->turn->asking->reader, SQL_HEARD_BY);
    bool has = false;
    if (sql == NULL)
        return false;
    bind_int(sql, 1, transmission_id);
    while (!has && statement_row(sql) == STATUS_OK)
        has = places_have(&t->places, column_int(sql, 0));
    statement_done(sql);
    return has;
}

/* One question's part, below *before. False = the question failed. */
static bool read_slice(struct traffic *t, int64_t *before, int64_t low, bool *out_over)
{
    struct statement *sql = reader_statement(t->turn->asking->reader, SQL_SLICE);
    int64_t rows = 0;
    if (sql == NULL)
        return false;
    bind_int(sql, 1, *before);
    bind_int(sql, 2, low);
    bind_int(sql, 3, SLICE_ROWS);
    while (statement_row(sql) == STATUS_OK) {
        const int64_t first_ms = column_int(sql, 4);
        *before = column_int(sql, 0);
        t->oldest_ms = first_ms;
        rows++;
        if (first_ms >= t->turn->from_ms && first_ms <= t->turn->to_ms && is_wanted(t, *before))
            count_message(t, &(struct engine_talk){
                                 .channel_id = column_int(sql, 1),
                                 .first_ms = first_ms,
                                 .sender = (const char *)sqlite3_column_text(sql->handle, 2),
                                 .text_chars = column_is_null(sql, 3) ? DIRECTORY_UNKNOWN
                                                                      : column_int(sql, 3)});
    }
    t->rows += rows;
    *out_over = rows < SLICE_ROWS;
    return true;
}

static void note_talk(void *context, const struct engine_talk *talk)
{
    struct traffic *t = context;
    t->rows++;
    t->oldest_ms = talk->first_ms;
    count_message(t, talk);
}

/* Of an engine. False = no memory, or the question failed. */
static bool read_told(struct traffic *t)
{
    size_t count;
    int64_t *ids = places_observers(&t->places, &count);
    const struct engine_talks wanted = {.from_ms = t->turn->from_ms,
                                        .to_ms = t->turn->to_ms,
                                        .observers = t->places.is_any ? NULL : ids,
                                        .observer_count = count,
                                        .max = MESSAGES_TOLD};
    const bool is_good = ids != NULL && t->turn->asking->model->engine->talks(
                                            t->turn->asking, &wanted, note_talk, t);
    free(ids);
    if (t->rows == MESSAGES_TOLD) {
        t->turn->is_complete = false;
        t->turn->from_ms = t->oldest_ms;
    }
    return is_good;
}

/* False = a question failed. */
static bool read_all(struct traffic *t)
{
    struct asking *asking = t->turn->asking;
    if (asking->model->engine != NULL)
        return read_told(t);
    const int64_t low = stretches_first_packet(asking->reader, t->turn->from_ms);
    int64_t before = INT64_MAX;
    bool is_over = false;
    analysis_of_packets(t->turn);
    while (low >= 0 && !is_over && t->rows < MESSAGES_MAX && !analysis_is_late(t->turn)) {
        if (!read_slice(t, &before, low, &is_over) ||
            (!is_over && !asking_again(asking, ANALYTICS_BUDGET_US)))
            return false;
    }
    if (low >= 0 && !is_over) {
        t->turn->is_complete = false;
        t->turn->from_ms = t->oldest_ms;
    }
    return true;
}

static bool read_names(struct traffic *t)
{
    const bool is_told = t->turn->asking->model->engine != NULL; /* with each */
    for (size_t i = 0; !is_told && i < t->channels.count; i++) {
        struct channel *channel = (struct channel *)(uintptr_t)table_at(&t->channels, i);
        struct statement *sql = reader_statement(t->turn->asking->reader, SQL_CHANNEL);
        if (sql == NULL)
            return false;
        bind_int(sql, 1, channel->id);
        if (statement_row(sql) != STATUS_OK)
            continue;
        copy_column(channel->name, sizeof channel->name, sql, 0);
        channel->is_encrypted = column_int(sql, 1) != 0;
        statement_done(sql);
    }
    return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int by_messages(const void *a, const void *b)
{
    const struct channel *x = *(const struct channel *const *)a;
    const struct channel *y = *(const struct channel *const *)b;
    return x->messages != y->messages ? (x->messages < y->messages ? 1 : -1)
                                      : strcmp(x->name, y->name);
}

static int by_count(const void *a, const void *b)
{
    const struct sender *x = *(const struct sender *const *)a;
    const struct sender *y = *(const struct sender *const *)b;
    return x->messages != y->messages ? (x->messages < y->messages ? 1 : -1)
                                      : strcmp(x->name, y->name);
}

static int by_time(const void *a, const void *b)
{
    const struct point *x = *(const struct point *const *)a;
    const struct point *y = *(const struct point *const *)b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->channel_id < y->channel_id ? -1 : x->channel_id > y->channel_id;
}

static bool write_channels(struct json_write *w, const struct traffic *t)
{
    size_t decryptable = 0;
    const void **all = table_sorted(&t->channels, by_messages);
    if (all == NULL)
        return false;
    jw_array(w, "channels");
    for (size_t i = 0; i < t->channels.count; i++) {
        const struct channel *c = all[i];
        decryptable += !c->is_encrypted;
        jw_object(w, NULL);
        jw_string(w, "hash", c->name);
        channel_name_write(w, "name", c->name, c->is_encrypted);
        jw_uint(w, "messages", c->messages);
        jw_uint(w, "senders", c->senders);
        jw_time(w, "lastActivity", c->last_ms * US_PER_MS);
        jw_bool(w, "encrypted", c->is_encrypted);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_uint(w, "activeChannels", t->channels.count);
    jw_uint(w, "decryptable", decryptable);
    free(all);
    return true;
}

static bool write_senders(struct json_write *w, const struct traffic *t)
{
    const void **all = table_sorted(&t->senders, by_count);
    if (all == NULL)
        return false;
    jw_array(w, "topSenders");
    for (size_t i = 0; i < min_size(t->senders.count, TOP_SENDERS); i++) {
        const struct sender *s = all[i];
        jw_object(w, NULL);
        jw_string(w, "name", s->name);
        jw_uint(w, "count", s->messages);
        jw_object_end(w);
    }
    jw_array_end(w);
    free(all);
    return true;
}

static bool write_timeline(struct json_write *w, const struct traffic *t)
{
    const void **all = table_sorted(&t->points, by_time);
    if (all == NULL)
        return false;
    jw_array(w, "channelTimeline");
    for (size_t i = 0; i < t->points.count; i++) {
        const struct point *p = all[i];
        const struct channel *c = table_find(&t->channels, &p->channel_id);
        jw_object(w, NULL);
        hour_write(w, "hour", p->at / MS_PER_HOUR);
        channel_name_write(w, "channel", c->name, c->is_encrypted);
        jw_uint(w, "count", p->messages);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_int(w, "timelineBucketHours", t->bucket_ms / MS_PER_HOUR);
    free(all);
    return true;
}

static bool write_all(struct json_write *w, const struct traffic *t)
{
    if (!write_channels(w, t) || !write_senders(w, t) || !write_timeline(w, t))
        return false;
    jw_array(w, "msgLengths");
    for (size_t i = 0; i < t->length_count; i++)
        jw_int(w, NULL, t->lengths[i]);
    jw_array_end(w);
    return true;
}

static bool compute(struct analytics_turn *turn, struct json_write *w)
{
    struct traffic t = {.turn = turn,
                        .bucket_ms = turn->window_ms > MS_PER_DAY ? MS_PER_DAY : MS_PER_HOUR,
                        .lengths = calloc(LENGTHS_SHOWN, sizeof *t.lengths)};
    table_init(&t.channels, sizeof(struct channel), sizeof(int64_t), CHANNELS_MAX);
    table_init(&t.senders, sizeof(struct sender), SENDER_BYTES, SENDERS_MAX);
    table_init(&t.senders_in, sizeof(struct sender_in), sizeof(struct sender_in), PAIRS_MAX);
    table_init(&t.points, sizeof(struct point), 2 * sizeof(int64_t), POINTS_MAX);
    const bool is_good =
        t.lengths != NULL && places_read(&t.places, turn) && read_all(&t) && read_names(&t);
    turn->is_complete = turn->is_complete && !t.channels.is_cut && !t.senders.is_cut &&
                        !t.senders_in.is_cut && !t.points.is_cut;
    const bool is_written = is_good && write_all(w, &t);
    table_done(&t.channels);
    table_done(&t.senders);
    table_done(&t.senders_in);
    table_done(&t.points);
    places_done(&t.places);
    free(t.lengths);
    return is_written;
}

const struct http_parameter channel_traffic_parameters[] = {
    ANALYTICS_AREA, ANALYTICS_REGION, ANALYTICS_WINDOW, {0}};
const struct analysis analysis_channel_traffic = {.name = "channels",
                                                  .compute = compute,
                                                  .parameters = channel_traffic_parameters,
                                                  .takes_window = true};
