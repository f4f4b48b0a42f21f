/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/watch/top_history.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void forget_course(struct top_course *course)
{
    for (size_t i = 0; i < TOP_SAMPLES; i++)
        course->values[i] = NAN;
}

void top_history_init(struct top_history *history)
{
    memset(history, 0, sizeof *history);
    for (size_t i = 0; i < TOP_SERIES_COUNT; i++) {
        forget_course(&history->series[i]);
        history->now[i] = (double)NAN;
    }
}

static double rate_of(uint64_t before, uint64_t now, double seconds)
{
    const bool is_known =
        before != STATS_UNKNOWN_COUNT && now != STATS_UNKNOWN_COUNT && seconds > 0 && now >= before;
    return is_known ? (double)(now - before) / seconds : (double)NAN;
}

static double queued(const struct stats_snapshot *stats)
{
    double total = (double)NAN;
    for (size_t i = 0; i < stats->source_count; i++) {
        if (stats->sources[i].records >= 0)
            total = (isnan(total) ? 0 : total) + (double)stats->sources[i].records;
    }
    return total;
}

const struct top_source *top_history_source(const struct top_history *history, const char *name)
{
    for (size_t i = 0; i < history->source_count; i++) {
        if (strcmp(history->sources[i].name, name) == 0)
            return &history->sources[i];
    }
    return NULL;
}

/* Its place, or a new one, or that of a source that is no more. */
static struct top_source *place_of(struct top_history *history, const char *name)
{
    struct top_source *place = NULL;
    for (size_t i = 0; i < history->source_count; i++) {
        if (strcmp(history->sources[i].name, name) == 0)
            return &history->sources[i];
        if (!history->sources[i].is_seen)
            place = &history->sources[i];
    }
    if (history->source_count < STATS_SOURCES_MAX)
        place = &history->sources[history->source_count++];
    if (place == NULL)
        return NULL;
    (void)snprintf(place->name, sizeof place->name, "%s", name);
    place->received = STATS_UNKNOWN_COUNT;
    forget_course(&place->course);
    return place;
}

static void add_source(struct top_history *history, const struct stats_source *source,
                       double seconds)
{
    struct top_source *place = place_of(history, source->name);
    if (place == NULL)
        return;
    const uint64_t received = source->has_ledger ? source->ledger.received : STATS_UNKNOWN_COUNT;
    place->is_seen = true;
    place->rate = rate_of(place->received, received, seconds);
    place->received = received;
    place->course.values[history->next] = (float)place->rate;
}

static void add_stats(struct top_history *history, const struct stats_snapshot *stats)
{
    const uint64_t received =
        stats->has_ledger ? stats->ledger_total.received : STATS_UNKNOWN_COUNT;
    const uint64_t committed =
        stats->has_ledger ? stats->ledger_total.outcomes[OUTCOME_COMMITTED] : STATS_UNKNOWN_COUNT;
    const bool is_same_life = history->at != 0 && history->started_at == stats->started_at;
    const double seconds = is_same_life ? (double)(stats->sampled_at - history->at) / US_PER_S : 0;
    history->now[TOP_RECEIVED] = rate_of(history->received, received, seconds);
    history->now[TOP_COMMITTED] = rate_of(history->committed, committed, seconds);
    history->now[TOP_QUEUE] = queued(stats);
    history->now[TOP_COMMIT_MS] = stats->commit.ms_p99;
    for (size_t i = 0; i < stats->source_count; i++)
        add_source(history, &stats->sources[i], seconds);
    history->at = stats->sampled_at;
    history->started_at = stats->started_at;
    history->received = received;
    history->committed = committed;
}

void top_history_add(struct top_history *history, const struct stats_snapshot *stats)
{
    for (size_t i = 0; i < TOP_SERIES_COUNT; i++)
        history->now[i] = (double)NAN;
    for (size_t i = 0; i < history->source_count; i++) {
        history->sources[i].is_seen = false;
        history->sources[i].rate = (double)NAN;
        history->sources[i].course.values[history->next] = NAN;
    }
    if (stats != NULL && stats->sampled_at != STATS_UNKNOWN)
        add_stats(history, stats);
    for (size_t i = 0; i < TOP_SERIES_COUNT; i++)
        history->series[i].values[history->next] = (float)history->now[i];
    history->next = (history->next + 1) % TOP_SAMPLES;
    if (history->count < TOP_SAMPLES)
        history->count++;
}

void top_history_course(const struct top_history *history, const struct top_course *course,
                        size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) {
        const size_t back = n - i; /* 1 = the newest */
        out[i] = back <= history->count
                     ? (double)course->values[(history->next + TOP_SAMPLES - back) % TOP_SAMPLES]
                     : (double)NAN;
    }
}
