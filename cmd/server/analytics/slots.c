/* SPDX-License-Identifier: MIT */
#include "cmd/server/analytics/slots.h"

#include "cmd/server/analytics/analysis.h"

#include <stdlib.h>
#include <string.h>

static void let_go(struct slot *slot)
{
    http_ready_unref(slot->answer);
    free(slot->query);
    *slot = (struct slot){.analysis = NULL};
}

void slots_done(struct slots *slots)
{
    for (size_t i = 0; i < SLOTS_MAX; i++)
        let_go(&slots->all[i]);
}

/* NULL = none but those that are being computed. analysis: only of this one; NULL = of any. */
static struct slot *longest_ago(struct slots *slots, const struct analysis *analysis)
{
    struct slot *oldest = NULL;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &slots->all[i];
        if (slot->analysis == NULL || slot->is_running ||
            (analysis != NULL && slot->analysis != analysis))
            continue;
        if (oldest == NULL || slot->asked_at < oldest->asked_at)
            oldest = slot;
    }
    return oldest;
}

static size_t count_of(const struct slots *slots, const struct analysis *analysis)
{
    size_t count = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++)
        count += slots->all[i].analysis == analysis;
    return count;
}

static struct slot *free_one(struct slots *slots, const struct analysis *analysis)
{
    const bool is_full = count_of(slots, analysis) >= SLOTS_OF_ONE;
    for (size_t i = 0; !is_full && i < SLOTS_MAX; i++) {
        if (slots->all[i].analysis == NULL)
            return &slots->all[i];
    }
    struct slot *slot = longest_ago(slots, is_full ? analysis : NULL);
    if (slot != NULL)
        let_go(slot);
    return slot;
}

struct slot *slots_find(struct slots *slots, const struct analysis *analysis, const char *query)
{
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &slots->all[i];
        if (slot->analysis == analysis && strcmp(slot->query, query) == 0)
            return slot;
    }
    return NULL;
}

struct slot *slots_take(struct slots *slots, const struct analysis *analysis, const char *query,
                        mono_us now)
{
    struct slot *slot = slots_find(slots, analysis, query);
    if (slot != NULL) {
        slot->asked_at = now;
        return slot;
    }
    char *copy = strdup(query);
    slot = copy != NULL ? free_one(slots, analysis) : NULL;
    if (slot == NULL) {
        free(copy);
        return NULL;
    }
    *slot = (struct slot){
        .analysis = analysis, .query = copy, .asked_at = now, .made_at = 0, .due_at = now};
    return slot;
}

/* Asked for since it was due: somebody waits, or has got an old one. */
static bool is_waited_for(const struct slot *slot)
{
    return slot->answer == NULL || slot->asked_at >= slot->due_at;
}

static bool is_better(const struct slot *slot, const struct slot *than)
{
    if (than == NULL || is_waited_for(slot) != is_waited_for(than))
        return than == NULL || is_waited_for(slot);
    return is_waited_for(slot) ? slot->asked_at < than->asked_at : slot->due_at < than->due_at;
}

struct slot *slots_next(struct slots *slots, mono_us now, mono_us wanted_us, mono_us *out_at)
{
    struct slot *best = NULL;
    *out_at = INT64_MAX;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &slots->all[i];
        if (slot->analysis == NULL || slot->is_running || slot->asked_at + wanted_us < now)
            continue;
        if (slot->due_at > now)
            *out_at = slot->due_at < *out_at ? slot->due_at : *out_at;
        else if (is_better(slot, best))
            best = slot;
    }
    return best;
}

static size_t bytes_of(const struct slot *slot)
{
    return slot->answer != NULL ? http_ready_bytes(slot->answer) : 0;
}

size_t slots_bytes(const struct slots *slots)
{
    size_t bytes = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++)
        bytes += bytes_of(&slots->all[i]);
    return bytes;
}

size_t slots_bytes_of(const struct slots *slots, const char *name)
{
    size_t bytes = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        const struct slot *slot = &slots->all[i];
        if (slot->analysis != NULL && strcmp(slot->analysis->name, name) == 0)
            bytes += bytes_of(slot);
    }
    return bytes;
}

void slots_put(struct slots *slots, struct slot *slot, struct http_ready *answer, mono_us now)
{
    http_ready_unref(slot->answer);
    slot->answer = answer;
    slot->made_at = now;
    const bool was_running = slot->is_running;
    slot->is_running = true; /* not this one */
    while (slots_bytes(slots) > SLOTS_BYTES_MAX) {
        struct slot *other = longest_ago(slots, NULL);
        if (other == NULL)
            break;
        let_go(other);
    }
    slot->is_running = was_running;
}
