/* SPDX-License-Identifier: MIT */
#include "cmd/server/summary/summary.h"

#include <stdio.h>
#include <stdlib.h>

static const struct tally_kind *const kinds[TALLY_COUNT] = {
#define X(name) &tally_##name,
    TALLY_LIST(X)
#undef X
};

struct summary {
    struct shared shared;
    /* constant after summary_end */
    struct tally_window window;
    uint64_t number;
    int64_t observations;
    enum summary_cut cut;
    int64_t oldest_ms; /* that was counted */
    void *tallies[TALLY_COUNT];
};

static void destroy(struct shared *shared)
{
    struct summary *s = (struct summary *)(void *)shared;
    for (size_t i = 0; i < TALLY_COUNT; i++)
        kinds[i]->destroy(s->tallies[i]);
    free(s);
}

struct summary *summary_begin(const struct tally_window *window)
{
    struct summary *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->window = *window;
    s->oldest_ms = window->to_ms;
    shared_init(&s->shared, destroy);
    for (size_t i = 0; i < TALLY_COUNT; i++) {
        s->tallies[i] = kinds[i]->make(window);
        if (s->tallies[i] == NULL) {
            shared_unref(&s->shared);
            return NULL;
        }
    }
    return s;
}

void summary_add(struct summary *s, const struct reception *r)
{
    if (!r->is_heard || r->receipt_ms < s->window.from_ms || r->receipt_ms > s->window.to_ms)
        return;
    s->observations++;
    s->oldest_ms = r->receipt_ms < s->oldest_ms ? r->receipt_ms : s->oldest_ms;
    for (size_t i = 0; i < TALLY_COUNT; i++)
        kinds[i]->add(s->tallies[i], r);
}

void summary_end(struct summary *s, uint64_t number, enum summary_cut cut)
{
    s->number = number;
    s->cut = cut;
    for (size_t i = 0; i < TALLY_COUNT; i++)
        if (kinds[i]->finish != NULL)
            kinds[i]->finish(s->tallies[i]);
}

struct shared *summary_shared(struct summary *s)
{
    return &s->shared;
}

const struct summary *summary_take(struct shared_slot *slot)
{
    return (const struct summary *)(void *)shared_take(slot);
}

/* The count of references is no part of what is constant. */
void summary_unref(const struct summary *s)
{
    shared_unref((struct shared *)(uintptr_t)s);
}

uint64_t summary_number(const struct summary *s)
{
    return s->number;
}

bool summary_cut_by(const struct summary *s, char out[static SUMMARY_BOUNDS_MAX])
{
    static const char *const names[TALLY_COUNT] = {
#define X(name) #name,
        TALLY_LIST(X)
#undef X
    };
    size_t len = 0;
    out[0] = '\0';
    if (s->cut != SUMMARY_WHOLE)
        len += (size_t)snprintf(out, SUMMARY_BOUNDS_MAX, "%s",
                                s->cut == SUMMARY_CUT_ROWS ? "rows" : "retention");
    for (size_t i = 0; i < TALLY_COUNT && len < SUMMARY_BOUNDS_MAX; i++)
        if (kinds[i]->is_cut(s->tallies[i]))
            len += (size_t)snprintf(out + len, SUMMARY_BOUNDS_MAX - len, "%s%s", len > 0 ? " " : "",
                                    names[i]);
    return len > 0;
}

size_t summary_bytes(const struct summary *s)
{
    size_t bytes = sizeof *s;
    for (size_t i = 0; i < TALLY_COUNT; i++)
        bytes += kinds[i]->bytes(s->tallies[i]);
    return bytes;
}

struct summary_window summary_window(const struct summary *s, unsigned tallies)
{
    bool is_cut = s->cut != SUMMARY_WHOLE;
    for (size_t i = 0; i < TALLY_COUNT; i++)
        if ((tallies >> i & 1) != 0)
            is_cut |= kinds[i]->is_cut(s->tallies[i]);
    return (struct summary_window){.from_ms = s->cut == SUMMARY_CUT_ROWS ? s->oldest_ms
                                                                         : s->window.from_ms,
                                   .origin_ms = s->window.from_ms,
                                   .to_ms = s->window.to_ms,
                                   .observations = s->observations,
                                   .is_complete = !is_cut};
}

const void *summary_tally(const struct summary *s, enum tally_number number)
{
    return s->tallies[number];
}
