/* SPDX-License-Identifier: MIT
 *
 * /api/perf/history: what the gauges and rates of figures.h were, columns as a chart takes them. */
#include "cmd/server/api/api.h"
#include "cmd/server/api/families.h"
#include "common/json/json_write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POINTS_MAX     2000
#define RANGE_S        INT64_C(900) /* when nothing is said */
#define RANGE_MAX_S    (30 * INT64_C(86400))
#define VALUES_PER_COL 3
#define VALUE_MAX      1e15 /* thousandths of it fit */

static const struct http_parameter parameters[] = {
    {"from", HTTP_PARAMETER_TIME, "The first moment: 15 minutes ago; at most 30 days"},
    {"series", HTTP_PARAMETER_LIST, "Which: names as the answer has them; all"},
    {"step", HTTP_PARAMETER_INT,
     "Seconds a point: so that there are at most 2000; never finer than is kept"},
    {"to", HTTP_PARAMETER_TIME, "The last moment: now"},
    {0},
};

struct wanted {
    int64_t from, to, step, level_step; /* seconds; step is a multiple of the level's */
    size_t level, points;
    bool series[FIGURE_COUNT];
};

static bool choose_series(const char *list, struct wanted *out)
{
    if (list == NULL || *list == '\0') {
        memset(out->series, true, sizeof out->series);
        return true;
    }
    for (const char *at = list;; at++) {
        const size_t len = strcspn(at, ",");
        const enum figure figure = figure_find(at, len);
        if (figure == FIGURE_COUNT)
            return false;
        out->series[figure] = true;
        at += len;
        if (*at == '\0')
            return true;
    }
}

/* NULL, or the parameter that can't be read. */
static const char *read_wanted(const struct http_query *query, int64_t now, struct wanted *out)
{
    int64_t to_ms = now * 1000;
    *out = (struct wanted){0};
    if (!http_query_time(query, "to", &to_ms))
        return "to";
    if (to_ms > now * 1000)
        to_ms = now * 1000;
    int64_t from_ms = to_ms - RANGE_S * 1000;
    if (!http_query_time(query, "from", &from_ms))
        return "from";
    if (!choose_series(http_query_text(query, "series"), out))
        return "series";
    out->to = to_ms / 1000;
    out->from = from_ms / 1000 > out->to - RANGE_MAX_S ? from_ms / 1000 : out->to - RANGE_MAX_S;
    if (out->from > out->to)
        return "from";
    out->level = history_choose(out->from, out->to, now, POINTS_MAX);
    out->level_step = history_levels[out->level].step_s;
    const int64_t least = (out->to - out->from) / POINTS_MAX + 1;
    const int64_t asked = (int64_t)http_query_limit(query, "step", 1, (size_t)RANGE_MAX_S);
    const int64_t step = asked > least ? asked : least;
    out->step = (step + out->level_step - 1) / out->level_step * out->level_step;
    out->from -= out->from % out->step;
    out->points = (size_t)((out->to - out->from) / out->step + 1);
    return NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct point {
    float min, max;
    double sum;
    unsigned n;
};

static void add_row(struct point *points, const struct history_value *row)
{
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        struct point *p = &points[i];
        if (isnan(row[i].mean))
            continue;
        p->min = p->n == 0 ? row[i].min : fminf(p->min, row[i].min);
        p->max = p->n == 0 ? row[i].max : fmaxf(p->max, row[i].max);
        p->sum += (double)row[i].mean;
        p->n++;
    }
}

/* points[FIGURE_COUNT] of each point, one after the other. */
static void read_points(struct history *history, const struct wanted *wanted, struct point *points)
{
    struct history_value row[FIGURE_COUNT];
    for (size_t at = 0; at < wanted->points; at++) {
        const int64_t begin = wanted->from + (int64_t)at * wanted->step;
        for (int64_t s = begin; s < begin + wanted->step; s += wanted->level_step) {
            if (history_read(history, wanted->level, s, row))
                add_row(&points[at * FIGURE_COUNT], row);
        }
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_column(struct json_write *w, const char *key, const struct point *points,
                         size_t count, int which)
{
    jw_array(w, key);
    for (size_t at = 0; at < count; at++) {
        const struct point *p = &points[at * FIGURE_COUNT];
        const double values[VALUES_PER_COL] = {p->sum / (double)p->n, (double)p->min,
                                               (double)p->max};
        if (p->n > 0 && fabs(values[which]) < VALUE_MAX)
            jw_decimal(w, NULL, (int64_t)llround(values[which] * 1000), 3);
        else
            jw_null(w, NULL);
    }
    jw_array_end(w);
}

static void write_answer(struct json_write *w, const struct wanted *wanted, bool is_kept,
                         const struct point *points)
{
    jw_object(w, NULL);
    jw_int(w, "from", wanted->from);
    jw_int(w, "to", wanted->to);
    jw_int(w, "step", wanted->step);
    jw_bool(w, "kept", is_kept);
    jw_array(w, "time");
    for (size_t at = 0; at < wanted->points; at++)
        jw_int(w, NULL, wanted->from + (int64_t)at * wanted->step);
    jw_array_end(w);
    jw_object(w, "series");
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        if (!wanted->series[i])
            continue;
        jw_object(w, figure_names[i]);
        jw_string(w, "unit", figure_units[i]);
        write_column(w, "mean", points + i, wanted->points, 0);
        write_column(w, "min", points + i, wanted->points, 1);
        write_column(w, "max", points + i, wanted->points, 2);
        jw_object_end(w);
    }
    jw_object_end(w);
    jw_object_end(w);
}

static void get_history(struct api *api, const struct http_request *request,
                        struct http_reply *reply)
{
    struct wanted wanted;
    const char *wrong = read_wanted(request->query, clock_wall() / US_PER_S, &wanted);
    if (wrong != NULL) {
        http_reply_field_error(
            reply, 400, wrong,
            "is no moment, or no name of a series that the answer without it has");
        return;
    }
    struct point *points = calloc(wanted.points * FIGURE_COUNT, sizeof *points);
    if (points == NULL)
        return; /* a reply without a body says it */
    read_points(api->history, &wanted, points);
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    write_answer(&w, &wanted, history_is_kept(api->history), points);
    http_reply_json(reply, &w);
    free(points);
}

static const struct route rows[] = {
    {.method = "GET",
     .path = "/api/perf/history",
     .handler = get_history,
     .parameters = parameters,
     .cache = HTTP_REVALIDATE,
     .waits = true,
     .listeners = ROUTE_ON_MAIN,
     .worst_cost = "8640 rows of 440 bytes from the page cache: 20 ms",
     .summary = "What gauges and rates were: seconds for an hour, ten seconds for a day, five "
                "minutes for thirty days; of each point the mean, the least and the most",
     .answer =
         "{from: unix, to: unix, step: int, kept: bool, time: [unix], series: {*: {unit: str, "
         "mean: [num?], min: [num?], max: [num?]}}}"},
};
const struct route_family api_history_routes = {rows, ARRAY_LEN(rows)};
