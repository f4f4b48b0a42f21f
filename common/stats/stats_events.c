/* SPDX-License-Identifier: MIT */
#include "common/stats/stats_events.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    int64_t repeat_s;
} kinds[] = {
#define X(id, word, repeat_s) [STATS_EVENT_##id] = {word, repeat_s},
    STATS_EVENT_KINDS(X)
#undef X
};

const char *stats_event_kind_word(enum stats_event_kind kind)
{
    return kinds[kind].word;
}

static void remove_at(struct stats_events *events, size_t at, size_t count)
{
    const size_t behind = events->count - at - count;
    memmove(&events->all[at], &events->all[at + count], behind * sizeof events->all[0]);
    memmove(&events->formats[at], &events->formats[at + count], behind * sizeof events->formats[0]);
    events->count -= count;
}

/* The end of the list, with the next number. */
static struct stats_event *append(struct stats_events *events, const char *format)
{
    if (events->count == STATS_EVENTS_MAX)
        remove_at(events, 0, 1);
    events->formats[events->count] = format;
    struct stats_event *event = &events->all[events->count++];
    *event = (struct stats_event){.id = ++events->last_id, .times = 1};
    return event;
}

static bool is_alike(const struct stats_event *a, const struct stats_event *b)
{
    return strcmp(a->kind, b->kind) == 0 && strcmp(a->level, b->level) == 0 &&
           strcmp(a->subject, b->subject) == 0;
}

/* The same event lately; events->count = there is none. */
static size_t find_same(const struct stats_events *events, int64_t now, int64_t repeat_s,
                        const struct stats_event *wanted, const char *format)
{
    for (size_t i = events->count; i-- > 0;) {
        const struct stats_event *event = &events->all[i];
        if (events->formats[i] == format && now - event->last_unix < repeat_s &&
            is_alike(event, wanted))
            return i;
    }
    return events->count;
}

void stats_events_add(struct stats_events *events, int64_t now_unix, enum stats_event_kind kind,
                      const char *level, const char *subject, const char *format, ...)
{
    struct stats_event fresh = {.at_unix = now_unix, .last_unix = now_unix, .times = 1};
    (void)snprintf(fresh.kind, sizeof fresh.kind, "%s", kinds[kind].word);
    (void)snprintf(fresh.level, sizeof fresh.level, "%s", level);
    (void)snprintf(fresh.subject, sizeof fresh.subject, "%s", subject);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fresh.text, sizeof fresh.text, format, args);
    va_end(args);
    const size_t same = find_same(events, now_unix, kinds[kind].repeat_s, &fresh, format);
    if (same < events->count) {
        fresh.at_unix = events->all[same].at_unix;
        fresh.times = events->all[same].times + 1;
        remove_at(events, same, 1);
    }
    struct stats_event *event = append(events, format);
    fresh.id = event->id;
    *event = fresh;
}

/* What stands there of it may be from before it happened again. */
static void forget_former(struct stats_events *events, const struct stats_event *event)
{
    for (size_t i = events->count; i-- > 0;) {
        const struct stats_event *old = &events->all[i];
        if (old->at_unix == event->at_unix && old->times < event->times && is_alike(old, event)) {
            remove_at(events, i, 1);
            return;
        }
    }
}

void stats_events_take(struct stats_events *events, const struct stats_event *event)
{
    if (event->times > 1)
        forget_former(events, event);
    struct stats_event *taken = append(events, NULL);
    const int64_t id = taken->id;
    *taken = *event;
    taken->id = id;
}

void stats_events_expire(struct stats_events *events, int64_t now_unix)
{
    size_t old = 0;
    while (old < events->count && events->all[old].last_unix < now_unix - STATS_EVENTS_KEPT_S)
        old++;
    if (old > 0)
        remove_at(events, 0, old);
}
