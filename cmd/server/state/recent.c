/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/recent.h"

enum edge_kind { EDGE_START, EDGE_OLD, EDGE_STEP };

/* Where a stretch of rising times begins, seen from behind. */
struct edge {
    enum edge_kind kind;
    struct recent_row first;  /* the first row of the stretch; its id is the end when it has none */
    struct recent_row before; /* the one in front of it; not at EDGE_START */
};

static enum edge_kind judge(struct recent_row row, int64_t since_ms, int64_t behind_ms)
{
    return row.ms < since_ms                      ? EDGE_OLD
           : row.ms - RECENT_AHEAD_MS > behind_ms ? EDGE_STEP
                                                  : EDGE_START;
}

/* Leaps back from `edge->first` until a row is not of the stretch any more. */
static bool leap(const struct recent_rows *rows, int64_t since_ms, struct edge *edge)
{
    const int64_t end = edge->first.id;
    int64_t probe = end;
    for (int64_t distance = 1; probe > rows->low; distance += distance / 8 + 1) {
        struct recent_row row;
        probe = distance < end - rows->low ? end - distance : rows->low;
        if (!rows->row_at(rows->context, probe, &row))
            return false;
        if (row.id >= edge->first.id) /* no row in between */
            continue;
        edge->kind = judge(row, since_ms, edge->first.ms);
        if (edge->kind != EDGE_START) {
            edge->before = row;
            return true;
        }
        edge->first = row;
    }
    edge->kind = EDGE_START;
    return true;
}

/* Halves what is left between the two rows. */
static bool narrow(const struct recent_rows *rows, int64_t since_ms, struct edge *edge)
{
    const int64_t behind_ms = edge->first.ms;
    int64_t high = edge->first.id; /* no row of the stretch is known in front of it */
    while (high - edge->before.id > 1) {
        const int64_t middle = edge->before.id + (high - edge->before.id) / 2;
        struct recent_row row;
        if (!rows->row_at(rows->context, middle, &row))
            return false;
        if (row.id >= high) {
            high = middle;
        } else if (judge(row, since_ms, behind_ms) == edge->kind) {
            edge->before = row;
        } else {
            edge->first = row;
            high = middle;
        }
    }
    return true;
}

static bool find_edge(const struct recent_rows *rows, int64_t end, int64_t end_ms, int64_t since_ms,
                      struct edge *out)
{
    *out = (struct edge){.kind = EDGE_START, .first = {end, end_ms}};
    return leap(rows, since_ms, out) && (out->kind == EDGE_START || narrow(rows, since_ms, out));
}

/* In front of a stretch of the future stands what the present clock has stamped. */
static bool ends_an_excursion(const struct edge *edge, int64_t window_ms, int64_t now_ms)
{
    return edge->kind == EDGE_OLD && edge->first.ms - edge->before.ms > window_ms &&
           edge->before.ms >= now_ms - window_ms && edge->before.ms <= now_ms + RECENT_AHEAD_MS;
}

int64_t recent_count(const struct recent_rows *rows, int64_t window_ms, int64_t now_ms)
{
    int64_t count = 0;
    int64_t end = rows->high + 1;
    int64_t clock_ms = now_ms; /* at `end`, by the clock of the rows in front of it */
    int64_t left_ms = window_ms;
    for (int step = 0; step < RECENT_STEPS_MAX && end > rows->low && left_ms > 0; step++) {
        struct edge edge;
        if (!find_edge(rows, end, clock_ms, clock_ms - left_ms, &edge))
            return RECENT_UNKNOWN;
        if (edge.kind == EDGE_START)
            return count + (end - edge.first.id);
        count += end - edge.first.id;
        end = edge.before.id + 1;
        if (edge.kind == EDGE_STEP) {
            left_ms -= clock_ms - edge.first.ms;
            clock_ms = edge.before.ms;
        } else if (ends_an_excursion(&edge, window_ms, now_ms)) {
            left_ms = window_ms;
            clock_ms = now_ms;
        } else {
            break;
        }
    }
    return count;
}
