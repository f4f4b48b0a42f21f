/* SPDX-License-Identifier: MIT */
#include "cmd/server/observers/metrics.h"

#include "cmd/server/model/engine.h"
#include "cmd/server/observers/observer_write.h"
#include "cmd/server/observers/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_MS     INT64_C(300000) /* as the index has it */
#define WINDOW_CAP  16
#define WINDOW_DAYS 365
#define ENGINE_ROWS 200000 /* of a shard: 18 MB */

#define SAMPLE_COLUMNS                                                                             \
    "receipt_ms, noise_floor, battery_mv, uptime_secs, tx_air_secs, rx_air_secs, recv_errors,"     \
    " packets_sent, packets_recv"
/* The expression as in the index: by the time alone it would read the observer's whole history. */
static const char SQL_SAMPLES[] =
    "SELECT " SAMPLE_COLUMNS " FROM observer_metrics INDEXED BY observer_metrics_slot"
    " WHERE observer_id = ?1 AND receipt_ms / 300000 BETWEEN ?2 AND ?3"
    " ORDER BY receipt_ms / 300000";
static const char SQL_SAMPLE_BEFORE[] =
    "SELECT " SAMPLE_COLUMNS " FROM observer_metrics INDEXED BY observer_metrics_slot"
    " WHERE observer_id = ?1 AND receipt_ms / 300000 < ?2 ORDER BY receipt_ms / 300000 DESC LIMIT 1";
static const char SQL_SAMPLE_FROM[] =
    "SELECT " SAMPLE_COLUMNS " FROM observer_metrics INDEXED BY observer_metrics_slot"
    " WHERE observer_id = ?1 AND receipt_ms / 300000 BETWEEN ?2 AND ?3"
    " ORDER BY receipt_ms / 300000 LIMIT 1";

static void read_sample(const struct statement *row, struct series_sample *out)
{
    *out = (struct series_sample){
        .receipt_ms = column_int(row, 0),
        .noise_floor = column_real(row, 1),
        .battery_mv = column_real(row, 2),
        .uptime_secs = column_real(row, 3),
        .tx_air_secs = column_real(row, 4),
        .rx_air_secs = column_real(row, 5),
        .recv_errors = column_real(row, 6),
        .packets_sent = column_real(row, 7),
        .packets_recv = column_real(row, 8),
    };
}

/* --- one observer ----------------------------------------------------------------------------- */

struct span {
    int64_t since_ms, until_ms, bucket_ms;
    bool is_whole; /* nothing was cut off */
};

static bool read_resolution(const struct http_query *query, int64_t *out_ms)
{
    static const struct {
        const char *word;
        int64_t ms;
    } words[] = {{"5m", 0}, {"1h", MS_PER_HOUR}, {"1d", MS_PER_DAY}};
    const char *given = http_query_text(query, "resolution");
    if (given == NULL || given[0] == '\0')
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(given, words[i].word) == 0) {
            *out_ms = words[i].ms;
            return true;
        }
    }
    return false;
}

/* NULL, or the parameter that can't be read. */
static const char *read_span(const struct asking *asking, const struct http_query *query,
                             struct span *out)
{
    const int64_t now_ms = asking->now / US_PER_MS;
    *out = (struct span){.until_ms = now_ms, .bucket_ms = 0, .is_whole = true};
    if (!http_query_time(query, "until", &out->until_ms))
        return "until";
    out->since_ms = out->until_ms - MS_PER_DAY;
    if (!http_query_time(query, "since", &out->since_ms))
        return "since";
    if (!read_resolution(query, &out->bucket_ms))
        return "resolution";
    const int64_t least_ms = out->until_ms - METRICS_SLOTS * SLOT_MS;
    if (out->since_ms < least_ms) {
        out->since_ms = least_ms;
        out->is_whole = false;
    }
    return NULL;
}

/* To a thousandth. */
static void write_percent(struct json_write *w, const char *key, double value)
{
    jw_real(w, key, isfinite(value) ? round(value * 1000) / 1000 : (double)NAN);
}

static void write_point(struct json_write *w, const struct series_point *point)
{
    jw_object(w, NULL);
    observer_time(w, "timestamp", point->at_ms);
    jw_real(w, "noise_floor", point->noise_floor);
    jw_known_real(w, "tx_air_secs", point->tx_air_secs);
    jw_known_real(w, "rx_air_secs", point->rx_air_secs);
    jw_known_real(w, "recv_errors", point->recv_errors);
    jw_real(w, "battery_mv", point->battery_mv);
    jw_known_real(w, "packets_sent", point->packets_sent);
    jw_known_real(w, "packets_recv", point->packets_recv);
    write_percent(w, "tx_airtime_pct", point->tx_airtime_pct);
    write_percent(w, "rx_airtime_pct", point->rx_airtime_pct);
    write_percent(w, "recv_error_rate", point->recv_error_rate);
    if (point->is_reboot)
        jw_bool(w, "is_reboot_sample", true);
    jw_object_end(w);
}

struct reboots {
    int64_t at_ms[METRICS_REBOOTS];
    size_t count;
    bool is_cut;
};

static void note_reboot(struct reboots *reboots, const struct series *series,
                        const struct series_sample *sample)
{
    if (!series->has_before || !series_is_reboot(&series->before, sample))
        return;
    if (reboots->count < METRICS_REBOOTS)
        reboots->at_ms[reboots->count++] = sample->receipt_ms;
    else
        reboots->is_cut = true;
}

/* --- of an engine ----------------------------------------------------------------------------- */

static struct series_sample sample_of(const struct engine_sample *told)
{
    return (struct series_sample){.receipt_ms = told->receipt_ms,
                                  .noise_floor = told->noise_floor,
                                  .battery_mv = told->battery_mv,
                                  .uptime_secs = told->uptime_secs,
                                  .tx_air_secs = told->tx_air_secs,
                                  .rx_air_secs = told->rx_air_secs,
                                  .recv_errors = told->recv_errors,
                                  .packets_sent = told->packets_sent,
                                  .packets_recv = told->packets_recv};
}

struct telling {
    struct json_write *w;
    const struct span *span;
    struct series series;
    struct reboots *reboots;
    struct series_sample before;
    bool has_before;
};

static void note_before(void *context, const struct engine_sample *told)
{
    struct telling *t = context;
    t->before = sample_of(told);
    t->has_before = true;
}

static void take_told(struct telling *t, const struct series_sample *sample)
{
    struct series_point point;
    if (sample->receipt_ms < t->span->since_ms || sample->receipt_ms > t->span->until_ms)
        return;
    note_reboot(t->reboots, &t->series, sample);
    if (series_add(&t->series, sample, &point))
        write_point(t->w, &point);
}

static void note_told(void *context, const struct engine_sample *told)
{
    const struct series_sample sample = sample_of(told);
    take_told(context, &sample);
}

static void write_told(struct json_write *w, struct asking *asking, int64_t id,
                       const struct span *span, struct reboots *reboots)
{
    const struct engine *engine = asking->model->engine;
    struct telling t = {.w = w, .span = span, .reboots = reboots};
    struct series_point point;
    bool is_all = true;
    const int64_t first = span->since_ms / SLOT_MS;
    const struct engine_samples before = {&id, 1, 0, first - 1, 1, true};
    const struct engine_samples wanted = {
        &id, 1, first, span->until_ms / SLOT_MS, METRICS_SLOTS + 2, false};
    if (!engine->samples(asking, &before, note_before, &t, &is_all))
        return;
    series_begin(&t.series, span->bucket_ms, t.has_before ? &t.before : NULL);
    jw_array(w, "metrics");
    if (engine->samples(asking, &wanted, note_told, &t, &is_all) && series_end(&t.series, &point))
        write_point(w, &point);
    jw_array_end(w);
    reboots->is_cut |= !is_all;
}

/* ---------------------------------------------------------------------------------------------- */

static void begin_series(struct series *series, struct asking *asking, int64_t id,
                         const struct span *span)
{
    struct statement *sql = reader_statement(asking->reader, SQL_SAMPLE_BEFORE);
    struct series_sample before;
    bool has_before = false;
    if (sql != NULL) {
        bind_int(sql, 1, id);
        bind_int(sql, 2, span->since_ms / SLOT_MS);
        has_before = statement_row(sql) == STATUS_OK;
        if (has_before) {
            read_sample(sql, &before);
            statement_done(sql);
        }
    }
    series_begin(series, span->bucket_ms, has_before ? &before : NULL);
}

static void write_metrics(struct json_write *w, struct asking *asking, int64_t id,
                          const struct span *span, struct reboots *reboots)
{
    struct series series;
    struct series_sample sample;
    struct series_point point;
    if (asking->model->engine != NULL) {
        write_told(w, asking, id, span, reboots);
        return;
    }
    begin_series(&series, asking, id, span);
    struct statement *sql = reader_statement(asking->reader, SQL_SAMPLES);
    if (sql == NULL)
        return;
    bind_int(sql, 1, id);
    bind_int(sql, 2, span->since_ms / SLOT_MS);
    bind_int(sql, 3, span->until_ms / SLOT_MS);
    jw_array(w, "metrics");
    while (statement_row(sql) == STATUS_OK) {
        read_sample(sql, &sample);
        if (sample.receipt_ms < span->since_ms || sample.receipt_ms > span->until_ms)
            continue;
        note_reboot(reboots, &series, &sample);
        if (series_add(&series, &sample, &point))
            write_point(w, &point);
    }
    if (series_end(&series, &point))
        write_point(w, &point);
    jw_array_end(w);
}

static void write_reboots(struct json_write *w, const struct reboots *reboots)
{
    jw_array(w, "reboots");
    for (size_t i = 0; i < reboots->count; i++)
        observer_time(w, NULL, reboots->at_ms[i]);
    jw_array_end(w);
}

void metrics_answer(struct asking *asking, const struct http_request *request,
                    struct http_reply *reply)
{
    struct span span;
    struct reboots reboots = {.count = 0};
    const char *wrong = read_span(asking, request->query, &span);
    if (wrong != NULL) {
        http_reply_field_error(reply, 400, wrong,
                               strcmp(wrong, "resolution") == 0
                                   ? "resolution must be 5m, 1h or 1d"
                                   : "a time is RFC 3339, or unix seconds or milliseconds");
        return;
    }
    const struct observer *o = observer_named(asking, request, reply);
    if (o == NULL)
        return;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_string(&w, "observer_id", o->identity);
    jw_string_or_null(&w, "observer_name", o->name);
    write_metrics(&w, asking, o->id, &span, &reboots);
    write_reboots(&w, &reboots);
    jw_bool(&w, "complete", span.is_whole && !reboots.is_cut);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* --- all of them ------------------------------------------------------------------------------ */

struct window {
    int64_t from_slot, to_slot, step;
    char text[WINDOW_CAP];
};

/* 24h, 7d: a whole number and its unit. */
static bool read_window(const struct asking *asking, const struct http_query *query,
                        struct window *out)
{
    const char *given = http_query_text(query, "window");
    if (given == NULL || given[0] == '\0')
        given = "24h";
    char *end = NULL;
    const long n = strtol(given, &end, 10);
    const int64_t unit = strcmp(end, "h") == 0   ? MS_PER_HOUR
                         : strcmp(end, "d") == 0 ? MS_PER_DAY
                                                 : 0;
    if (unit == 0 || given[0] < '1' || given[0] > '9' || strlen(given) >= sizeof out->text ||
        n > WINDOW_DAYS * 24 || n * unit > WINDOW_DAYS * MS_PER_DAY)
        return false;
    const int64_t slots = n * unit / SLOT_MS;
    out->to_slot = asking->now / US_PER_MS / SLOT_MS;
    out->from_slot = out->to_slot - slots + 1;
    out->step = (slots + SUMMARY_STEPS - 1) / SUMMARY_STEPS;
    (void)snprintf(out->text, sizeof out->text, "%s", given);
    return true;
}

struct digest {
    int64_t samples;
    double noise_now, battery_now, noise_max;
    struct series_share noise, marks[SUMMARY_MARKS];
};

static void take_sample(struct digest *digest, const struct window *window,
                        const struct series_sample *sample)
{
    const int64_t at = sample->receipt_ms / SLOT_MS - window->from_slot;
    const int64_t slots = window->to_slot - window->from_slot + 1;
    struct series_share *mark = &digest->marks[at * SUMMARY_MARKS / slots];
    digest->samples++;
    if (isfinite(sample->battery_mv))
        digest->battery_now = sample->battery_mv;
    if (!isfinite(sample->noise_floor))
        return;
    digest->noise_now = sample->noise_floor;
    digest->noise_max = fmax(digest->noise_max, sample->noise_floor);
    digest->noise.part += sample->noise_floor;
    digest->noise.whole++;
    mark->part += sample->noise_floor;
    mark->whole++;
}

/* The first sample from a slot on, then that of `step` slots later ... */
static void digest_steps(struct asking *asking, int64_t id, const struct window *window,
                         struct digest *digest)
{
    struct statement *sql = reader_statement(asking->reader, SQL_SAMPLE_FROM);
    struct series_sample sample;
    for (int64_t slot = window->from_slot; sql != NULL && slot <= window->to_slot;) {
        bind_int(sql, 1, id);
        bind_int(sql, 2, slot);
        bind_int(sql, 3, window->to_slot);
        if (statement_row(sql) != STATUS_OK)
            return;
        read_sample(sql, &sample);
        statement_done(sql);
        take_sample(digest, window, &sample);
        slot = sample.receipt_ms / SLOT_MS + window->step;
    }
}

static void digest_all(struct asking *asking, int64_t id, const struct window *window,
                       struct digest *digest)
{
    struct statement *sql = reader_statement(asking->reader, SQL_SAMPLES);
    struct series_sample sample;
    if (sql == NULL)
        return;
    bind_int(sql, 1, id);
    bind_int(sql, 2, window->from_slot);
    bind_int(sql, 3, window->to_slot);
    while (statement_row(sql) == STATUS_OK) {
        read_sample(sql, &sample);
        take_sample(digest, window, &sample);
    }
}

static double mean_of(const struct series_share *share)
{
    return share->whole > 0 ? round(100 * share->part / share->whole) / 100 : (double)NAN;
}

static void write_digest(struct json_write *w, const struct observer *o,
                         const struct digest *digest)
{
    jw_object(w, NULL);
    jw_string(w, "observer_id", o->identity);
    jw_string_or_null(w, "observer_name", o->name);
    if (o->iata[0] != '\0')
        jw_string(w, "iata", o->iata);
    jw_real(w, "current_noise_floor", digest->noise_now);
    jw_real(w, "avg_noise_floor_24h", mean_of(&digest->noise));
    jw_real(w, "max_noise_floor_24h", digest->noise.whole > 0 ? digest->noise_max : (double)NAN);
    jw_real(w, "battery_mv", digest->battery_now);
    jw_int(w, "sample_count", digest->samples);
    jw_array(w, "sparkline");
    for (size_t i = 0; i < SUMMARY_MARKS; i++)
        jw_real(w, NULL, mean_of(&digest->marks[i]));
    jw_array_end(w);
    jw_object_end(w);
}

/* Of an engine: of all at once. */
struct digesting {
    const struct window *window;
    struct told {
        int64_t id; /* of an observer; they rise */
        int64_t next_slot;
        struct digest digest;
    } * all; /* owned */
    size_t count;
};

static int by_id(const void *a, const void *b)
{
    const struct told *x = a;
    const struct told *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static struct told *told_of(const struct digesting *d, int64_t id)
{
    const struct told key = {.id = id};
    return d->count > 0 ? bsearch(&key, d->all, d->count, sizeof key, by_id) : NULL;
}

/* As digest_steps. */
static void digest_told(void *context, const struct engine_sample *sample)
{
    struct digesting *d = context;
    struct told *told = told_of(d, sample->observer_id);
    const int64_t slot = sample->receipt_ms / SLOT_MS;
    if (told == NULL || slot < told->next_slot)
        return;
    const struct series_sample taken = sample_of(sample);
    take_sample(&told->digest, d->window, &taken);
    told->next_slot = slot + d->window->step;
}

static bool write_told_summary(struct json_write *w, struct asking *asking,
                               const struct observer *const *all, size_t count,
                               const struct window *window)
{
    struct digesting d = {.window = window, .count = count};
    int64_t *ids = calloc(count + 1, sizeof *ids);
    bool is_all = true;
    d.all = calloc(count + 1, sizeof *d.all);
    if (ids == NULL || d.all == NULL)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        ids[i] = all[i]->id;
        d.all[i] = (struct told){.id = all[i]->id,
                                 .digest = {.noise_now = (double)NAN,
                                            .battery_now = (double)NAN,
                                            .noise_max = -(double)INFINITY}};
    }
    if (count > 0)
        qsort(d.all, count, sizeof *d.all, by_id);
    const struct engine_samples wanted = {ids,         count, window->from_slot, window->to_slot,
                                          ENGINE_ROWS, false};
    if (count > 0 && asking->model->engine->samples(asking, &wanted, digest_told, &d, &is_all)) {
        for (size_t i = 0; i < count; i++) {
            const struct told *told = told_of(&d, all[i]->id);
            if (told != NULL && told->digest.samples > 0)
                write_digest(w, all[i], &told->digest);
        }
    }
    free(d.all);
    free(ids);
    return is_all;
}

/* False = not all of them: the budget is used up. */
static bool write_summary(struct json_write *w, struct asking *asking,
                          const struct observer *const *all, size_t count,
                          const struct window *window)
{
    int64_t budget = SUMMARY_ROWS;
    if (asking->model->engine != NULL)
        return write_told_summary(w, asking, all, count, window);
    for (size_t i = 0; i < count; i++) {
        struct digest digest = {
            .noise_now = (double)NAN, .battery_now = (double)NAN, .noise_max = -(double)INFINITY};
        if (budget <= 0 || asking_is_late(asking))
            return false;
        if (window->step > 1)
            digest_steps(asking, all[i]->id, window, &digest);
        else
            digest_all(asking, all[i]->id, window, &digest);
        budget -= digest.samples + 1;
        if (digest.samples > 0)
            write_digest(w, all[i], &digest);
    }
    return true;
}

void metrics_summary_answer(struct asking *asking, const struct http_request *request,
                            struct http_reply *reply)
{
    struct window window;
    size_t count = 0;
    if (!read_window(asking, request->query, &window)) {
        http_reply_field_error(reply, 400, "window",
                               "window is a number of hours or days, 24h or 7d, a year at most");
        return;
    }
    const struct directory *d = asking_directory(asking);
    const struct observer **all = d != NULL ? observers_listed(d, &count) : NULL;
    if (all == NULL)
        return;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_array(&w, "observers");
    const bool is_complete = write_summary(&w, asking, all, count, &window);
    jw_array_end(&w);
    jw_string(&w, "window", window.text);
    jw_int(&w, "step_seconds", window.step * SLOT_MS / 1000);
    jw_bool(&w, "complete", is_complete);
    jw_object_end(&w);
    http_reply_json(reply, &w);
    reply->kept_s = SUMMARY_KEPT_S;
    free(all);
}
