/* SPDX-License-Identifier: MIT */
#include "cmd/server/analytics/regional.h"

#include <stdlib.h>
#include <string.h>

static void let_go(struct regional_entry *entry)
{
    summary_unref(entry->summary);
    free(entry->key);
    *entry = (struct regional_entry){.key = NULL};
}

void regional_done(struct regional *regional)
{
    for (size_t i = 0; i < REGIONAL_KEPT; i++)
        let_go(&regional->all[i]);
}

/* The one of this key, else a free one, else the one that was used longest ago. */
static struct regional_entry *place_for(struct regional *regional, const char *key)
{
    struct regional_entry *best = &regional->all[0];
    for (size_t i = 0; i < REGIONAL_KEPT; i++) {
        struct regional_entry *entry = &regional->all[i];
        if (entry->key != NULL && strcmp(entry->key, key) == 0)
            return entry;
        if (best->key != NULL && (entry->key == NULL || entry->used_at < best->used_at))
            best = entry;
    }
    return best;
}

/* False: the one before stays, if there is one of this key. */
static bool count_anew(struct regional_entry *entry, const char *key, const struct summary_run *run)
{
    const mono_us used_before = clock_thread_used();
    struct summary *summary = summary_count(run, 1);
    char *copy = summary != NULL ? strdup(key) : NULL;
    if (copy == NULL) {
        summary_unref(summary);
        return false;
    }
    const mono_us took = (clock_thread_used() - used_before) * REGIONAL_SHARE;
    let_go(entry);
    entry->key = copy;
    entry->summary = summary;
    entry->good_until = clock_mono() + (took > REGIONAL_GOOD_US ? took : REGIONAL_GOOD_US);
    return true;
}

const struct summary *regional_take(struct regional *regional, const char *key,
                                    const struct summary_run *run)
{
    struct regional_entry *entry = place_for(regional, key);
    const bool is_there = entry->key != NULL && strcmp(entry->key, key) == 0;
    if ((!is_there || clock_mono() >= entry->good_until) && !count_anew(entry, key, run) &&
        !is_there)
        return NULL;
    entry->used_at = clock_mono();
    shared_ref((struct shared *)(uintptr_t)entry->summary);
    return entry->summary;
}
