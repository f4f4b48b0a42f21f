/* SPDX-License-Identifier: MIT */
#include "cmd/server/summary/observer_days.h"

#include <stdlib.h>

struct entry {
    int64_t observer_id;
    struct observer_day day;
};

static void destroy(struct shared *shared)
{
    struct observer_days *days = (struct observer_days *)(void *)shared;
    table_done(&days->observers);
    free(days);
}

struct observer_days *observer_days_from(const struct summary_from *from)
{
    struct observer_days *days = calloc(1, sizeof *days);
    if (days == NULL)
        return NULL;
    shared_init(&days->shared, destroy);
    table_init(&days->observers, sizeof(struct entry), sizeof(int64_t), OBSERVER_DAYS_MAX);
    from->source->observers(from->context, days);
    if (days->observers.is_cut)
        days->has_heard = days->has_skews = false;
    return days;
}

struct observer_day *observer_days_take(struct observer_days *days, int64_t observer_id)
{
    struct entry *entry = table_take(&days->observers, &observer_id, NULL);
    return entry != NULL ? &entry->day : NULL;
}

struct observer_day observer_days_of(const struct observer_days *days, int64_t observer_id)
{
    struct observer_day day = {0};
    const struct entry *entry = days != NULL ? table_find(&days->observers, &observer_id) : NULL;
    if (entry != NULL)
        day = entry->day;
    if (days == NULL || !days->has_heard)
        day.heard = day.invented = OBSERVER_DAY_UNSAID;
    if (days == NULL || !days->has_skews)
        day.skews = OBSERVER_DAY_UNSAID;
    return day;
}

void observer_days_unref(const struct observer_days *days)
{
    if (days != NULL)
        shared_unref((struct shared *)(uintptr_t)&days->shared);
}
