/* SPDX-License-Identifier: MIT */
#include "cmd/server/ops/anomaly.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_S    60
#define KNOWN_LEAST 30 /* seconds of a minute */
#define MADS        6.0
#define TIMES       3.0

static const struct anomaly_band no_band = {(double)NAN, (double)NAN, (double)NAN};

const char *anomaly_word(enum anomaly_verdict verdict)
{
    static const char *const words[] = {
#define X(id, word) [ANOMALY_##id] = word,
        ANOMALY_LIST(X)
#undef X
    };
    return words[verdict];
}

int anomaly_side(enum anomaly_verdict verdict)
{
    return verdict == ANOMALY_HIGH ? 1 : verdict == ANOMALY_LOW ? -1 : 0;
}

void anomaly_init(struct anomaly *a)
{
    *a = (struct anomaly){.band = no_band, .last = (double)NAN, .minute = INT64_MIN};
}

/* --- what is usual ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* values are put in order. */
static double median_of(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static struct anomaly_band band_of(const struct anomaly *a, double floor)
{
    double values[ANOMALY_KEPT];
    const size_t count = a->count > ANOMALY_LEFT_OUT ? a->count - ANOMALY_LEFT_OUT : 0;
    if (count < ANOMALY_LEAST)
        return no_band;
    memcpy(values, a->kept, count * sizeof *values);
    const double median = median_of(values, count);
    for (size_t i = 0; i < count; i++)
        values[i] = fabs(values[i] - median);
    const double spread = fmax(MADS * median_of(values, count), floor);
    const double size = fabs(median);
    return (struct anomaly_band){median, median - fmax(spread, size - size / TIMES),
                                 median + fmax(spread, size * TIMES - size)};
}

static void keep(struct anomaly *a, double value)
{
    if (a->count == ANOMALY_KEPT) {
        memmove(a->kept, a->kept + 1, (ANOMALY_KEPT - 1) * sizeof *a->kept);
        a->count--;
    }
    a->kept[a->count++] = value;
}

/* --- the verdict ------------------------------------------------------------------------------ */

static void enter(struct anomaly *a, enum anomaly_verdict verdict, int64_t now_s)
{
    if (a->verdict == verdict)
        return;
    a->verdict = verdict;
    a->since_s = now_s;
}

static void forget_recent(struct anomaly *a)
{
    memset(a->recent, 0, sizeof a->recent);
    a->within = 0;
    a->flagged = 0;
}

static int side_of(const struct anomaly_band *band, double value)
{
    return value > band->high ? 1 : value < band->low ? -1 : 0;
}

/* Three on one side: the side; else 0. */
static int side_of_recent(const struct anomaly *a)
{
    int above = 0;
    int below = 0;
    for (size_t i = 0; i < ANOMALY_LOOKED_AT; i++) {
        above += a->recent[i] > 0;
        below += a->recent[i] < 0;
    }
    return above >= ANOMALY_BEYOND ? 1 : below >= ANOMALY_BEYOND ? -1 : 0;
}

/* The minutes that flagged it are no part of what is usual. */
static void drop_beyond(struct anomaly *a)
{
    size_t from = a->count > ANOMALY_LOOKED_AT ? a->count - ANOMALY_LOOKED_AT : 0;
    size_t to = from;
    for (; from < a->count; from++) {
        if (side_of(&a->band, a->kept[from]) == 0)
            a->kept[to++] = a->kept[from];
    }
    a->count = to;
}

static void judge_flagged(struct anomaly *a, double value, int64_t now_s)
{
    const int side = side_of(&a->band, value);
    a->flagged++;
    a->within = side == 0 ? a->within + 1 : 0;
    if (side != 0)
        enter(a, side > 0 ? ANOMALY_HIGH : ANOMALY_LOW, now_s);
    if (a->within >= ANOMALY_LOOKED_AT) {
        forget_recent(a);
        enter(a, ANOMALY_USUAL, now_s);
    } else if (a->flagged >= ANOMALY_STAYS_MIN) {
        forget_recent(a);
        a->count = 0;
        a->band = no_band;
        enter(a, ANOMALY_LEARNING, now_s);
    }
}

static void judge(struct anomaly *a, double value, double floor, int64_t now_s)
{
    if (anomaly_side(a->verdict) != 0) {
        judge_flagged(a, value, now_s);
        return;
    }
    a->band = band_of(a, floor);
    if (isnan(a->band.median)) {
        keep(a, value);
        enter(a, ANOMALY_LEARNING, now_s);
        return;
    }
    a->recent[a->recent_at++ % ANOMALY_LOOKED_AT] = side_of(&a->band, value);
    keep(a, value);
    const int side = side_of_recent(a);
    if (side != 0)
        drop_beyond(a);
    enter(a, side > 0 ? ANOMALY_HIGH : side < 0 ? ANOMALY_LOW : ANOMALY_USUAL, now_s);
}

static void end_minute(struct anomaly *a, double floor)
{
    const bool is_known = a->seconds >= KNOWN_LEAST;
    a->last = is_known ? a->sum / a->seconds : (double)NAN;
    if (is_known)
        judge(a, a->last, floor, (a->minute + 1) * MINUTE_S);
    a->sum = 0;
    a->seconds = 0;
}

void anomaly_add(struct anomaly *a, int64_t unix_s, unsigned seconds, double value, double floor)
{
    const int64_t minute = unix_s / MINUTE_S;
    if (minute != a->minute && a->minute != INT64_MIN)
        end_minute(a, floor);
    if (minute > a->minute + 1 && a->minute != INT64_MIN)
        a->last = (double)NAN; /* whole minutes in between are not known */
    a->minute = minute;
    if (isfinite(value)) {
        a->sum += value * seconds;
        a->seconds += seconds;
    }
}
