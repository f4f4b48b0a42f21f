/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/ring_troubles.h"

#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

static struct ring_trouble *find(struct ring_troubles *troubles, const char *path)
{
    for (size_t i = 0; i < troubles->count; i++) {
        if (strcmp(troubles->all[i].path, path) == 0)
            return &troubles->all[i];
    }
    return NULL;
}

static void say(struct ring_trouble *trouble, mono_us now)
{
    static const char *const events[] = {
        [RING_TROUBLE_UNREADABLE] = "ring file can't be opened: its messages wait, tried again",
        [RING_TROUBLE_NO_ROOM] = "ring file not opened yet, too many are: its messages wait",
        [RING_TROUBLE_FOLDER] = "spoolDir can't be listed: new rings wait, tried again",
    };
    trouble->said_at = now;
    log_event(trouble->kind == RING_TROUBLE_NO_ROOM ? LOG_WARN : LOG_ERROR, "flusher",
              events[trouble->kind],
              KV(KV_STR("ring", trouble->path), KV_STR("error", trouble->why)));
}

void ring_troubles_begin(struct ring_troubles *troubles)
{
    troubles->beyond = 0;
    troubles->is_one_unknown = false;
    for (size_t i = 0; i < troubles->count; i++)
        troubles->all[i].is_current = false;
}

void ring_troubles_note(struct ring_troubles *troubles, enum ring_trouble_kind kind,
                        const char *path, const char *why, mono_us now)
{
    struct ring_trouble *trouble = find(troubles, path);
    bool is_news = trouble == NULL;
    if (trouble == NULL) {
        if (troubles->count == RING_TROUBLES_MAX) {
            troubles->beyond++;
            troubles->is_one_unknown |= kind != RING_TROUBLE_NO_ROOM;
            return;
        }
        trouble = &troubles->all[troubles->count++];
        *trouble = (struct ring_trouble){0};
        (void)snprintf(trouble->path, sizeof trouble->path, "%s", path);
    }
    char text[sizeof trouble->why];
    (void)snprintf(text, sizeof text, "%s", why);
    is_news |= kind != trouble->kind || strcmp(text, trouble->why) != 0;
    memcpy(trouble->why, text, sizeof text);
    trouble->kind = kind;
    trouble->is_current = true;
    if (is_news || now - trouble->said_at >= RING_TROUBLE_AGAIN_US)
        say(trouble, now);
}

void ring_troubles_end(struct ring_troubles *troubles, mono_us now)
{
    size_t kept = 0;
    for (size_t i = 0; i < troubles->count; i++) {
        if (!troubles->all[i].is_current)
            log_event(LOG_INFO, "flusher", "ring file can be read now, or is gone",
                      KV(KV_STR("ring", troubles->all[i].path)));
        else if (kept++ != i)
            troubles->all[kept - 1] = troubles->all[i];
    }
    troubles->count = kept;
    if (kept == 0) {
        troubles->wait = 0;
        troubles->try_at = 0;
        return;
    }
    /* A look for another reason, a new ring's, does not push the next try away. */
    if (now < troubles->try_at)
        return;
    troubles->wait = troubles->wait == 0 ? RING_TROUBLE_FIRST_US : troubles->wait * 2;
    if (troubles->wait > RING_TROUBLE_LONGEST_US)
        troubles->wait = RING_TROUBLE_LONGEST_US;
    troubles->try_at = now + troubles->wait;
}

/* The names agree up to the uuid. */
static bool is_of_same_source(const char *a, const char *b)
{
    const char *end = strrchr(a, '-');
    return end != NULL && strncmp(a, b, (size_t)(end - a)) == 0 && strrchr(b, '-') == b + (end - a);
}

bool ring_troubles_hold(const struct ring_troubles *troubles, const char *path)
{
    if (troubles->is_one_unknown)
        return true; /* it may be of the same source */
    for (size_t i = 0; i < troubles->count; i++) {
        const struct ring_trouble *trouble = &troubles->all[i];
        if (!trouble->is_current || trouble->kind == RING_TROUBLE_NO_ROOM)
            continue;
        if (trouble->kind == RING_TROUBLE_FOLDER || is_of_same_source(trouble->path, path))
            return true;
    }
    return false;
}

void ring_troubles_describe(const struct ring_troubles *troubles, char *out, size_t cap)
{
    if (troubles->count == 0) {
        out[0] = '\0';
        return;
    }
    const struct ring_trouble *first = &troubles->all[0];
    const char *slash = strrchr(first->path, '/');
    const char *name =
        slash != NULL && first->kind != RING_TROUBLE_FOLDER ? slash + 1 : first->path;
    const size_t more = troubles->count + troubles->beyond - 1;
    int n = snprintf(out, cap, "%.100s: %.120s", name, first->why);
    if (more > 0 && n >= 0 && (size_t)n < cap)
        (void)snprintf(out + n, cap - (size_t)n, " (and %zu more)", more);
}
