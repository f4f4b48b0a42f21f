/* SPDX-License-Identifier: MIT
 *
 * top_history - what --top has seen since it was started: rates from one sample of the statistics
 * to the next, and their course, second by second.
 *
 * I1. A rate needs two samples of one life of the ingestor; a counter that fell has none. What is
 *     not known is NaN, never 0.
 * Limits: TOP_SAMPLES seconds; the sources of one snapshot. Pure. Ownership: a plain value, large:
 * heap. */
#pragma once

#include "common/stats/stats_snapshot.h"

#define TOP_SAMPLES 240

enum top_series { TOP_RECEIVED, TOP_COMMITTED, TOP_QUEUE, TOP_COMMIT_MS, TOP_SERIES_COUNT };

struct top_course {
    float values[TOP_SAMPLES]; /* a ring; `next` of the history is the oldest */
};

struct top_source {
    char name[STATS_SOURCE_BYTES];
    uint64_t received;
    double rate;
    struct top_course course;
    bool is_seen;
};

struct top_history {
    struct top_course series[TOP_SERIES_COUNT];
    struct top_source sources[STATS_SOURCES_MAX];
    size_t source_count;
    size_t next, count;
    double now[TOP_SERIES_COUNT]; /* the newest values */
    /* the sample before: 0 = none */
    wall_us at, started_at;
    uint64_t received, committed;
};

void top_history_init(struct top_history *history);
/* One second more; NULL = nothing is known of it. */
void top_history_add(struct top_history *history, const struct stats_snapshot *stats);
/* The newest `n` values, the newest last; NaN where there is none. n <= TOP_SAMPLES */
void top_history_course(const struct top_history *history, const struct top_course *course,
                        size_t n, double *out);
/* NULL = never seen. */
const struct top_source *top_history_source(const struct top_history *history, const char *name);
