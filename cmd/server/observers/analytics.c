/* SPDX-License-Identifier: MIT */
#include "cmd/server/observers/analytics.h"

#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet_read.h"
#include "cmd/server/observers/observer_write.h"
#include "common/db/schema.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TYPES      16
#define LATE_EVERY 256 /* rows between two looks at the clock */
#define SNR_LEAST  (-64)
#define SNR_KEYS   128 /* of ROLLUP_OBSERVER_SNR, 1 dB each */
#define SNR_STEP   2
#define SNR_STEPS  64

static_assert(SNR_STEPS * SNR_STEP == SNR_KEYS, "each key has its step");

static const char SQL_HOURS[] =
    "SELECT hour, observations FROM rollups WHERE kind = ?1 AND key = ?2"
    " AND hour >= ?3 ORDER BY hour";
static const char SQL_POSITION[] = "SELECT position FROM jobs WHERE name = 'count_late'";
static const char SQL_NEWEST[] =
    "SELECT o.receipt_ms, o.direction, o.snr, o.rssi, t.type, coalesce(t.sender, 0), o.id"
    " FROM (SELECT id FROM observations INDEXED BY observations_observer WHERE observer_id = ?1"
    "  ORDER BY id DESC LIMIT ?2) p"
    " CROSS JOIN observations o ON o.id = p.id CROSS JOIN transmissions t ON t.id = o.transmission_id";
static const char SQL_RECENT[] =
    "SELECT o.transmission_id, o.id FROM (SELECT id FROM observations"
    " INDEXED BY observations_observer WHERE observer_id = ?1 ORDER BY id DESC LIMIT ?2) p"
    " CROSS JOIN observations o ON o.id = p.id";

/* --- the parts of the window ------------------------------------------------------------------ */

struct parts {
    int64_t from_ms; /* of the window, a part's beginning */
    int64_t part_ms;
    size_t count;
    int64_t counts[ANALYTICS_DAYS_MAX + 1], nodes[ANALYTICS_DAYS_MAX + 1];
};

static void parts_init(struct parts *parts, int64_t now_ms, size_t days)
{
    parts->part_ms = days == 1 ? MS_PER_HOUR : days <= 7 ? 4 * MS_PER_HOUR : MS_PER_DAY;
    const int64_t last = now_ms / parts->part_ms;
    const int64_t first = (now_ms - (int64_t)days * MS_PER_DAY) / parts->part_ms;
    parts->from_ms = first * parts->part_ms;
    parts->count = (size_t)(last - first) + 1;
    for (size_t i = 0; i < parts->count; i++)
        parts->counts[i] = parts->nodes[i] = 0;
}

/* SIZE_MAX = outside. */
static size_t part_of(const struct parts *parts, int64_t ms)
{
    const int64_t at = ms < parts->from_ms ? -1 : (ms - parts->from_ms) / parts->part_ms;
    return at >= 0 && at < (int64_t)parts->count ? (size_t)at : SIZE_MAX;
}

/* 2026-03-29T15, or 2026-03-29 where a part is a day. */
static void write_parts(struct json_write *w, const char *key, const struct parts *parts,
                        const int64_t *counts)
{
    jw_array(w, key);
    for (size_t i = 0; i < parts->count; i++) {
        char text[32];
        (void)clock_rfc3339((parts->from_ms + (int64_t)i * parts->part_ms) * US_PER_MS, text);
        jw_object(w, NULL);
        jw_text(w, "label", text, parts->part_ms == MS_PER_DAY ? 10 : 13);
        jw_int(w, "count", counts[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void read_timeline(struct asking *asking, int64_t id, struct parts *parts)
{
    struct statement *sql = reader_statement(asking->reader, SQL_HOURS);
    if (sql == NULL)
        return;
    bind_int(sql, 1, ROLLUP_OBSERVER);
    bind_int(sql, 2, id);
    bind_int(sql, 3, parts->from_ms / ROLLUP_HOUR_MS);
    while (statement_row(sql) == STATUS_OK) {
        const size_t at = part_of(parts, column_int(sql, 0) * ROLLUP_HOUR_MS);
        if (at != SIZE_MAX)
            parts->counts[at] += column_int(sql, 1);
    }
}

/* --- the newest receptions -------------------------------------------------------------------- */

struct newest {
    int64_t position; /* up to this reception types and SNR are in the sums */
    int64_t day_ms;   /* SNR is counted from this on: the day in which the window begins */
    int64_t types[TYPES], snr[SNR_STEPS];
    int64_t last_id; /* the oldest that was looked at */
    int64_t from_ms; /* the oldest that was counted */
    int64_t rows, observations;
    bool is_late, is_cut;
    bool is_all_summed,
        is_sum_whole;  /* of an engine: its sums have all but what it says it lacks */
    uint64_t *adverts; /* part << 40 | nodes.id */
    size_t advert_count;
};

static void count_snr(struct newest *newest, double snr, double rssi)
{
    if (!isfinite(snr) || schema_is_invented_rf(snr, rssi))
        return;
    const double step = floor((snr - SNR_LEAST) / SNR_STEP);
    newest->snr[step < 0 ? 0 : step >= SNR_STEPS ? SNR_STEPS - 1 : (size_t)step]++;
}

static void count_reception(struct newest *newest, const struct parts *parts,
                            const struct engine_reception *heard)
{
    const int64_t ms = heard->receipt_ms;
    const size_t at = part_of(parts, ms);
    const bool is_summed = newest->is_all_summed || heard->id <= newest->position;
    if (heard->is_tx)
        return;
    if (!is_summed && ms >= newest->day_ms)
        count_snr(newest, heard->snr, heard->rssi);
    if (at == SIZE_MAX)
        return;
    newest->observations++;
    newest->from_ms = ms < newest->from_ms ? ms : newest->from_ms;
    if (!is_summed)
        newest->types[heard->type & (TYPES - 1)]++;
    if (heard->sender > 0)
        newest->adverts[newest->advert_count++] = (uint64_t)at << 40 | (uint64_t)heard->sender;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* All that is to be looked at was. */
static void end_newest(struct parts *parts, struct newest *newest)
{
    /* Where all that was looked at lies in the window there may be more. */
    newest->is_cut = (newest->is_late || newest->rows == ANALYTICS_ROWS) &&
                     newest->observations > 0 && newest->from_ms > parts->from_ms + parts->part_ms;
    qsort(newest->adverts, newest->advert_count, sizeof *newest->adverts, by_number);
    for (size_t i = 0; i < newest->advert_count; i++) {
        if (i == 0 || newest->adverts[i] != newest->adverts[i - 1])
            parts->nodes[newest->adverts[i] >> 40]++;
    }
}

/* False = no memory, or the question failed. */
static bool read_newest(struct asking *asking, int64_t id, struct parts *parts,
                        struct newest *newest)
{
    struct statement *sql = reader_statement(asking->reader, SQL_NEWEST);
    newest->adverts = malloc(ANALYTICS_ROWS * sizeof *newest->adverts);
    if (newest->adverts == NULL || sql == NULL)
        return false;
    bind_int(sql, 1, id);
    bind_int(sql, 2, ANALYTICS_ROWS);
    while (!newest->is_late && statement_row(sql) == STATUS_OK) {
        count_reception(newest, parts,
                        &(struct engine_reception){.receipt_ms = column_int(sql, 0),
                                                   .is_tx = column_int(sql, 1) != 0,
                                                   .snr = column_real(sql, 2),
                                                   .rssi = column_real(sql, 3),
                                                   .type = (uint8_t)column_int(sql, 4),
                                                   .sender = column_int(sql, 5),
                                                   .id = column_int(sql, 6)});
        newest->last_id = column_int(sql, 6);
        newest->is_late = ++newest->rows % LATE_EVERY == 0 && asking_is_late(asking);
    }
    statement_done(sql);
    end_newest(parts, newest);
    return true;
}

static void add_sums(struct asking *asking, int64_t id, const struct parts *parts,
                     struct newest *newest)
{
    const int64_t since = parts->from_ms / ROLLUP_HOUR_MS;
    const int64_t day = newest->day_ms / ROLLUP_HOUR_MS;
    for (int type = 0; type < TYPES; type++)
        newest->types[type] += observer_sum(asking, ROLLUP_OBSERVER_TYPE, id * TYPES + type, since);
    for (int key = 0; key < SNR_KEYS; key++)
        newest->snr[key / SNR_STEP] +=
            observer_sum(asking, ROLLUP_OBSERVER_SNR, id * SNR_KEYS + key, day);
}

/* False = no memory, or the question failed. */
static bool read_all(struct asking *asking, int64_t id, struct parts *parts, struct newest *newest)
{
    newest->position = reader_number(asking->reader, SQL_POSITION, 0);
    read_timeline(asking, id, parts);
    if (!read_newest(asking, id, parts, newest))
        return false;
    add_sums(asking, id, parts, newest);
    return true;
}

/* --- of an engine ----------------------------------------------------------------------------- */

struct telling {
    struct parts *parts;
    struct newest *newest;
    struct {
        int64_t packet, id;
    } recent[ANALYTICS_RECENT];
    size_t recent_count;
};

static void note_sum(void *context, const struct engine_sum *sum)
{
    const struct telling *t = context;
    const int64_t ms = sum->hour * ROLLUP_HOUR_MS;
    const size_t at = part_of(t->parts, ms);
    const int64_t n = (int64_t)sum->observations;
    if (sum->kind == ROLLUP_OBSERVER && at != SIZE_MAX)
        t->parts->counts[at] += n;
    else if (sum->kind == ROLLUP_OBSERVER_TYPE && at != SIZE_MAX)
        t->newest->types[sum->key & (TYPES - 1)] += n;
    else if (sum->kind == ROLLUP_OBSERVER_SNR && ms >= t->newest->day_ms)
        t->newest->snr[(sum->key & (SNR_KEYS - 1)) / SNR_STEP] += n;
}

static void note_told(void *context, const struct engine_reception *told)
{
    struct telling *t = context;
    if (t->recent_count < ANALYTICS_RECENT) {
        t->recent[t->recent_count].packet = told->packet;
        t->recent[t->recent_count++].id = told->id;
    }
    count_reception(t->newest, t->parts, told);
    t->newest->rows++;
}

/* Of one that is silent for longer than the window its last day, for recentPackets. */
static bool tell_newest(struct asking *asking, const struct observer *o, struct telling *t)
{
    const int64_t now_ms = asking->now / US_PER_MS;
    const int64_t last_ms = o->packet_ms != DIRECTORY_NEVER ? o->packet_ms : now_ms;
    const int64_t to_ms = last_ms < t->parts->from_ms ? last_ms : now_ms;
    const struct engine_receptions wanted = {
        .observer_id = o->id,
        .from_ms = to_ms < t->parts->from_ms ? to_ms - MS_PER_DAY : t->parts->from_ms,
        .to_ms = to_ms,
        .max = ANALYTICS_ROWS,
        .wants_senders = true,
        .packets = ANALYTICS_RECENT};
    t->newest->adverts = malloc(ANALYTICS_ROWS * sizeof *t->newest->adverts);
    if (t->newest->adverts == NULL ||
        !asking->model->engine->receptions(asking, &wanted, note_told, t))
        return false;
    end_newest(t->parts, t->newest);
    return true;
}

/* False = no memory, or the question failed. */
static bool tell_all(struct asking *asking, const struct observer *o, struct telling *t)
{
    const struct engine_sums wanted = {.kinds = 1U << ROLLUP_OBSERVER | 1U << ROLLUP_OBSERVER_TYPE |
                                                1U << ROLLUP_OBSERVER_SNR,
                                       .observers = &o->id,
                                       .observer_count = 1,
                                       .from_hour = t->newest->day_ms / ROLLUP_HOUR_MS};
    t->newest->is_all_summed = true;
    return asking->model->engine->sums(asking, &wanted, note_sum, t, &t->newest->is_sum_whole) &&
           tell_newest(asking, o, t);
}

static void write_told_recent(struct json_write *w, struct asking *asking, const struct telling *t)
{
    jw_array(w, "recentPackets");
    for (size_t i = 0; i < t->recent_count; i++) {
        struct packet packet;
        struct packet_observation shown;
        if (packet_read_shown(asking, t->recent[i].packet, t->recent[i].id, &packet, &shown))
            packet_write(w, NULL, asking, &packet, &shown);
    }
    jw_array_end(w);
}

/* All that the sums lack was looked at. */
static bool are_sums_whole(const struct newest *newest)
{
    if (newest->is_all_summed)
        return newest->is_sum_whole;
    const bool is_all = !newest->is_late && newest->rows < ANALYTICS_ROWS;
    return is_all || newest->last_id <= newest->position;
}

static void write_types(struct json_write *w, const struct newest *newest)
{
    jw_object(w, "packetTypes");
    for (int type = 0; type < TYPES; type++) {
        char key[8];
        if (newest->types[type] == 0)
            continue;
        (void)snprintf(key, sizeof key, "%d", type);
        jw_key(w, key);
        jw_int(w, NULL, newest->types[type]);
    }
    jw_object_end(w);
}

/* From the lowest step that has any to the highest. */
static void write_snr(struct json_write *w, const struct newest *newest)
{
    size_t low = 0;
    size_t high = SNR_STEPS;
    while (low < high && newest->snr[low] == 0)
        low++;
    while (high > low && newest->snr[high - 1] == 0)
        high--;
    jw_array(w, "snrDistribution");
    for (size_t i = low; i < high; i++) {
        const int from = SNR_LEAST + (int)i * SNR_STEP;
        char range[32];
        (void)snprintf(range, sizeof range, "%d to %d", from, from + SNR_STEP);
        jw_object(w, NULL);
        jw_string(w, "range", range);
        jw_int(w, "count", newest->snr[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_window(struct json_write *w, const struct asking *asking,
                         const struct newest *newest, const struct parts *parts)
{
    jw_object(w, "window");
    observer_time(w, "from", newest->is_cut ? newest->from_ms : parts->from_ms);
    observer_time(w, "to", asking->now / US_PER_MS);
    jw_int(w, "observations", newest->observations);
    jw_bool(w, "complete", !newest->is_cut);
    observer_time(w, "snrFrom", newest->day_ms);
    jw_object_end(w);
}

/* --- recent packets --------------------------------------------------------------------------- */

static void write_recent(struct json_write *w, struct asking *asking, int64_t id)
{
    struct statement *sql = reader_statement(asking->reader, SQL_RECENT);
    if (sql == NULL)
        return;
    bind_int(sql, 1, id);
    bind_int(sql, 2, ANALYTICS_RECENT);
    jw_array(w, "recentPackets");
    while (statement_row(sql) == STATUS_OK) {
        struct packet packet;
        struct packet_observation shown;
        if (packet_read_shown(asking, column_int(sql, 0), column_int(sql, 1), &packet, &shown))
            packet_write(w, NULL, asking, &packet, &shown);
    }
    jw_array_end(w);
}

/* ---------------------------------------------------------------------------------------------- */

static size_t days_of(const struct http_query *query)
{
    return http_query_limit(query, "days", ANALYTICS_DAYS, ANALYTICS_DAYS_MAX);
}

void analytics_answer(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply)
{
    const struct observer *o = observer_named(asking, request, reply);
    struct parts parts;
    struct newest newest = {.from_ms = INT64_MAX};
    struct telling telling = {.parts = &parts, .newest = &newest};
    const bool is_told = asking->model->engine != NULL;
    if (o == NULL)
        return;
    parts_init(&parts, asking->now / US_PER_MS, days_of(request->query));
    newest.day_ms = parts.from_ms - parts.from_ms % MS_PER_DAY;
    if (is_told ? tell_all(asking, o, &telling) : read_all(asking, o->id, &parts, &newest)) {
        struct json_write w;
        jw_grow(&w, HTTP_ANSWER_MAX);
        jw_object(&w, NULL);
        write_parts(&w, "timeline", &parts, parts.counts);
        write_types(&w, &newest);
        write_parts(&w, "nodesTimeline", &parts, parts.nodes);
        write_snr(&w, &newest);
        if (is_told)
            write_told_recent(&w, asking, &telling);
        else
            write_recent(&w, asking, o->id);
        write_window(&w, asking, &newest, &parts);
        jw_bool(&w, "complete", are_sums_whole(&newest));
        jw_object_end(&w);
        http_reply_json(reply, &w);
    }
    free(newest.adverts);
}
