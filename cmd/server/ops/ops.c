/* SPDX-License-Identifier: MIT */
#include "cmd/server/ops/ops.h"

#include "common/base/version.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASS "pass"
#define WARN "warn"

/* The levels of the history: ten seconds, and five minutes. */
#define LEVEL_TENS  1
#define LEVEL_FIVES 2
#define HOUR_S      INT64_C(3600)

/* Checks of the health that are nobody's but the server's to see. */
struct check_was {
    const char *name;
    enum stats_event_kind kind;
    bool is_known;
    enum health_level level;
};

struct ops {
    /* constant after init */
    struct history *history;
    /* the thread of ops_every_second only */
    struct figures figures;
    int64_t kept_s; /* when the figures were kept last, unix */
    struct anomaly anomalies[FIGURE_COUNT];
    struct silences silences;
    struct forecast forecast;
    int64_t forecast_s; /* when its growth was looked at last */
    struct check_was checks[4];
    int64_t losses; /* of the database's files; -1 = not looked yet */
    bool was_draining, has_looked;
    wall_us run;   /* of the ingestor, whose events were taken: its start */
    int64_t taken; /* the number of its last one */
    /* guarded by lock */
    pthread_mutex_t lock;
    struct ops_view view;
    struct stats_events events;
};

/* --- life ------------------------------------------------------------------------------------- */

/* What the history knows of the last hours goes through the rules again. */
static void play(struct ops *ops, int64_t now_s)
{
    struct history_value row[FIGURE_COUNT];
    const int64_t step_s = history_levels[LEVEL_TENS].step_s;
    for (int64_t s = now_s / step_s * step_s - OPS_PLAYED_S; s < now_s; s += step_s) {
        if (!history_read(ops->history, LEVEL_TENS, s, row))
            continue;
        for (size_t i = 0; i < FIGURE_COUNT; i++)
            anomaly_add(&ops->anomalies[i], s, (unsigned)step_s, (double)row[i].mean,
                        figure_floors[i]);
    }
}

struct ops *ops_new(struct history *history)
{
    struct ops *ops = calloc(1, sizeof *ops);
    if (ops == NULL)
        return NULL;
    ops->history = history;
    ops->losses = -1;
    ops->checks[0] = (struct check_was){.name = "ingestor", .kind = STATS_EVENT_INGESTOR};
    ops->checks[1] = (struct check_was){.name = "database", .kind = STATS_EVENT_DATABASE};
    ops->checks[2] = (struct check_was){.name = "database_commits", .kind = STATS_EVENT_DATABASE};
    ops->checks[3] = (struct check_was){.name = "integrity", .kind = STATS_EVENT_DATABASE};
    ops->events.last_id = clock_wall() / US_PER_MS;
    (void)pthread_mutex_init(&ops->lock, NULL); /* can't fail on Linux without attributes */
    figures_init(&ops->figures);
    forecast_growth(NULL, 0, &ops->forecast);
    ops->view.forecast = ops->forecast;
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        anomaly_init(&ops->anomalies[i]);
        ops->view.figures[i] =
            (struct ops_figure){.value = (double)NAN, .band = ops->anomalies[i].band};
    }
    play(ops, clock_wall() / US_PER_S);
    return ops;
}

void ops_free(struct ops *ops)
{
    if (ops == NULL)
        return;
    (void)pthread_mutex_destroy(&ops->lock);
    free(ops);
}

/* --- events ----------------------------------------------------------------------------------- */

#define ADD(ops, now_s, kind, level, subject, ...)                                                 \
    do {                                                                                           \
        (void)pthread_mutex_lock(&(ops)->lock);                                                    \
        stats_events_add(&(ops)->events, now_s, kind, level, subject, __VA_ARGS__);                \
        (void)pthread_mutex_unlock(&(ops)->lock);                                                  \
    } while (0)

/* The ingestor's own, each once; of a run that is new all that it still tells. */
static void take_events(struct ops *ops, const struct stats_snapshot *s)
{
    if (s->started_at != ops->run) {
        ops->run = s->started_at;
        ops->taken = 0;
    }
    (void)pthread_mutex_lock(&ops->lock);
    for (size_t i = 0; i < s->event_count; i++) {
        if (s->events[i].id > ops->taken) {
            stats_events_take(&ops->events, &s->events[i]);
            ops->taken = s->events[i].id;
        }
    }
    (void)pthread_mutex_unlock(&ops->lock);
}

/* Before the first look at the file there is nothing to say of it. */
static bool is_looked_at(const struct check_was *was, const struct moment *moment)
{
    return was->is_known ||
           (was->kind == STATS_EVENT_INGESTOR ? moment->stats->status != STATUS_AGAIN
                                              : moment->db.polled_mono != 0);
}

/* A check that is not there is well. What stands there at the first look is no change. */
static void note_check(struct ops *ops, struct check_was *was, const struct health_report *report,
                       int64_t now_s)
{
    const struct health_check *check = health_find(report, was->name);
    const enum health_level level = check != NULL ? check->level : HEALTH_PASS;
    const bool is_news = was->is_known && level != was->level;
    was->is_known = true;
    was->level = level;
    if (!is_news)
        return;
    const char *what = was->kind == STATS_EVENT_INGESTOR ? "ingestor" : "database";
    if (level != HEALTH_PASS)
        ADD(ops, now_s, was->kind, health_level_word(level), was->name, "%s: %.170s", what,
            check->output);
    else if (was->kind == STATS_EVENT_INGESTOR)
        ADD(ops, now_s, was->kind, PASS, was->name, "the ingestor is heard of: %.150s",
            check->output);
    else
        ADD(ops, now_s, was->kind, PASS, was->name, "the database is as it should be again");
}

static void note_server(struct ops *ops, const struct moment *moment, int64_t now_s)
{
    const int64_t losses = moment->db.losses;
    if (!ops->has_looked)
        ADD(ops, now_s, STATS_EVENT_START, PASS, "server", "the server has begun, version %s",
            version_number());
    ops->has_looked = true;
    if (ops->losses >= 0 && losses > ops->losses)
        ADD(ops, now_s, STATS_EVENT_DATABASE, WARN, "database",
            "a file of the database was replaced or deleted: the server has opened it anew");
    ops->losses = losses;
    if (moment->is_draining && !ops->was_draining)
        ADD(ops, now_s, STATS_EVENT_STOP, PASS, "server", "the server is asked to end");
    ops->was_draining = moment->is_draining;
}

/* --- judging ---------------------------------------------------------------------------------- */

static bool is_unusual(enum anomaly_verdict verdict)
{
    return anomaly_side(verdict) != 0;
}

void ops_figure_text(enum figure figure, const struct ops_figure *of, char out[static OPS_TEXT_MAX])
{
    out[0] = '\0';
    if (is_unusual(of->verdict))
        (void)snprintf(out, OPS_TEXT_MAX, "%s: far %s what is usual, %.4g %s where it was %.4g",
                       figure_words[figure], of->verdict == ANOMALY_HIGH ? "above" : "below",
                       of->minute, figure_units[figure], of->band.median);
}

/* Of what is not known now nobody knows whether it is as usual. */
static struct ops_figure figure_view(const struct anomaly *a, double value)
{
    const bool is_known = isfinite(value);
    const enum anomaly_verdict verdict =
        a->verdict == ANOMALY_UNKNOWN ? ANOMALY_LEARNING : a->verdict;
    return (struct ops_figure){.value = value,
                               .minute = a->last,
                               .verdict = is_known ? verdict : ANOMALY_UNKNOWN,
                               .since_unix = is_known ? a->since_s : 0,
                               .band = a->band};
}

static void note_figure(struct ops *ops, enum figure figure, enum anomaly_verdict before,
                        int64_t now_s)
{
    const struct anomaly *a = &ops->anomalies[figure];
    if (is_unusual(a->verdict) && a->verdict != before) {
        const struct ops_figure of = figure_view(a, a->last);
        char text[OPS_TEXT_MAX];
        ops_figure_text(figure, &of, text);
        ADD(ops, now_s, STATS_EVENT_FIGURE, WARN, figure_names[figure], "%s", text);
    } else if (is_unusual(before) && !is_unusual(a->verdict)) {
        ADD(ops, now_s, STATS_EVENT_FIGURE, PASS, figure_names[figure], "%s: as usual again",
            figure_words[figure]);
    }
}

static void judge(struct ops *ops, int64_t now_s, unsigned seconds)
{
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        struct anomaly *a = &ops->anomalies[i];
        const enum anomaly_verdict before = a->verdict;
        anomaly_add(a, now_s, seconds, ops->figures.values[i], figure_floors[i]);
        note_figure(ops, (enum figure)i, before, now_s);
    }
}

static void note_silence(struct ops *ops, const struct silence *s, bool was_silent, int64_t now_s)
{
    if (s->is_silent && !was_silent)
        ADD(ops, now_s, STATS_EVENT_SOURCE, WARN, s->source,
            "%s is connected and has brought nothing for %lld s; usually a message comes within "
            "%lld s",
            s->source, (long long)s->silent_s, (long long)s->usual_s);
    else if (was_silent && !s->is_silent && s->silent_s != STATS_UNKNOWN)
        ADD(ops, now_s, STATS_EVENT_SOURCE, PASS, s->source, "%s brings messages again", s->source);
}

static void listen(struct ops *ops, const struct moment *moment, int64_t now_s)
{
    struct silences *silences = &ops->silences;
    const struct stats_snapshot *s = moment_snapshot(moment);
    bool was_silent[CONFIG_SOURCES_MAX];
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        was_silent[i] = i < silences->count && silences->all[i].is_silent;
    if (s != NULL && moment_is_sample_fresh(moment))
        silences_look(silences, s, moment->sample_now / US_PER_S);
    else
        silences_forget(silences);
    for (size_t i = 0; i < silences->count; i++)
        note_silence(ops, &silences->all[i], was_silent[i], now_s);
}

/* --- the forecast ----------------------------------------------------------------------------- */

/* The most of the rows from `from` on, until `to`; NaN = none is known. */
static double most_of(struct history *history, enum figure figure, int64_t from, int64_t to)
{
    struct history_value row[FIGURE_COUNT];
    double most = (double)NAN;
    for (int64_t s = from; s < to; s += history_levels[LEVEL_FIVES].step_s) {
        if (history_read(history, LEVEL_FIVES, s, row))
            most = fmax(most, (double)row[figure].max); /* fmax leaves NaN out */
    }
    return most;
}

static size_t read_points(struct history *history, int64_t now_s, int64_t step_s,
                          struct forecast_point out[static FORECAST_POINTS_MAX])
{
    size_t count = 0;
    const int64_t end = now_s / step_s * step_s;
    for (int64_t i = FORECAST_POINTS_MAX; i > 0; i--) {
        const int64_t from = end - i * step_s;
        const double bytes = most_of(history, FIGURE_databaseBytes, from, from + step_s);
        if (!isnan(bytes))
            out[count++] = (struct forecast_point){from, bytes};
    }
    return count;
}

/* By the hours of the last week; by five minutes while there are few of them. */
static void look_back(struct ops *ops, int64_t now_s)
{
    struct forecast_point points[FORECAST_POINTS_MAX];
    if (ops->forecast_s != 0 && now_s - ops->forecast_s < OPS_FORECAST_S &&
        now_s >= ops->forecast_s)
        return;
    ops->forecast_s = now_s;
    size_t count = read_points(ops->history, now_s, HOUR_S, points);
    if (count < 2 * FORECAST_POINTS_LEAST)
        count = read_points(ops->history, now_s, history_levels[LEVEL_FIVES].step_s, points);
    forecast_growth(points, count, &ops->forecast);
}

/* The limit that is in force is the ingestor's to say. */
static void look_ahead(struct ops *ops, const struct moment *moment, int64_t now_s)
{
    const struct stats_snapshot *s = moment_snapshot(moment);
    const bool has_limit = s != NULL && s->storage.limit_bytes != STATS_UNKNOWN;
    const struct forecast_room room = {
        .bytes = ops->figures.values[FIGURE_databaseBytes],
        .disk_free = ops->figures.values[FIGURE_diskFree],
        .limit = has_limit ? (double)s->storage.limit_bytes : (double)NAN,
    };
    look_back(ops, now_s);
    forecast_days(&room, &ops->forecast);
}

/* How long the disk lasts, for the health. An import, or the first hours of a mesh, say nothing of
 * the days to come, and a database that reaches its limit first does not fill the disk. */
static int64_t disk_full_in_s(const struct forecast *f)
{
    if (f->basis_s < OPS_DISK_BASIS_S || !isfinite(f->days_to_disk) ||
        f->days_to_limit <= f->days_to_disk)
        return 0;
    const double seconds = f->days_to_disk * 86400.0;
    return seconds < OPS_DISK_FAR_S ? 1 + (int64_t)seconds : 0;
}

/* --- a second --------------------------------------------------------------------------------- */

/* A second in which nothing was taken has the rates of this one, which are of both. How many
 * seconds it stands for. */
static unsigned keep(struct ops *ops, int64_t now_s)
{
    const bool is_of_two = now_s - ops->kept_s == 2;
    if (is_of_two)
        history_add(ops->history, now_s - 1, ops->figures.values);
    history_add(ops->history, now_s, ops->figures.values);
    ops->kept_s = now_s;
    return is_of_two ? 2 : 1;
}

void ops_every_second(struct ops *ops, struct moment *moment)
{
    const int64_t now_s = moment->wall / US_PER_S;
    const struct stats_snapshot *s = moment_snapshot(moment);
    const struct health_report *report = moment_health(moment);
    if (s != NULL)
        take_events(ops, s);
    note_server(ops, moment, now_s);
    for (size_t i = 0; report != NULL && i < ARRAY_LEN(ops->checks); i++) {
        if (is_looked_at(&ops->checks[i], moment))
            note_check(ops, &ops->checks[i], report, now_s);
    }
    if (!figures_take(&ops->figures, moment))
        return;
    judge(ops, now_s, keep(ops, now_s));
    listen(ops, moment, now_s);
    look_ahead(ops, moment, now_s);
    health_watch_expect_full(moment->from->health, disk_full_in_s(&ops->forecast));
    (void)pthread_mutex_lock(&ops->lock);
    memcpy(ops->view.silences, ops->silences.all, sizeof ops->view.silences);
    ops->view.silence_count = ops->silences.count;
    ops->view.forecast = ops->forecast;
    for (size_t i = 0; i < FIGURE_COUNT; i++)
        ops->view.figures[i] = figure_view(&ops->anomalies[i], ops->figures.values[i]);
    (void)pthread_mutex_unlock(&ops->lock);
}

/* --- asking ----------------------------------------------------------------------------------- */

void ops_look(struct ops *ops, struct ops_view *out)
{
    (void)pthread_mutex_lock(&ops->lock);
    *out = ops->view;
    (void)pthread_mutex_unlock(&ops->lock);
}

size_t ops_events(struct ops *ops, int64_t after, size_t most,
                  struct stats_event out[static STATS_EVENTS_MAX], int64_t *out_last)
{
    (void)pthread_mutex_lock(&ops->lock);
    const struct stats_events *events = &ops->events;
    size_t from = events->count;
    while (from > 0 && events->all[from - 1].id > after && events->count - from < most)
        from--;
    const size_t count = events->count - from;
    memcpy(out, &events->all[from], count * sizeof *out);
    *out_last = events->last_id;
    (void)pthread_mutex_unlock(&ops->lock);
    return count;
}
