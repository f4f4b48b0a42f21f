/* SPDX-License-Identifier: MIT */
#include "cmd/server/webhook/webhook_changes.h"

#include <stdio.h>
#include <string.h>

static struct webhook_level *level_named(struct webhook_changes *known, const char *name,
                                         mono_us now)
{
    for (size_t i = 0; i < known->count; i++) {
        if (strcmp(known->levels[i].name, name) == 0)
            return &known->levels[i];
    }
    if (known->count == HEALTH_CHECKS_MAX)
        return NULL; /* many that went; room comes when they are told */
    struct webhook_level *level = &known->levels[known->count++];
    *level = (struct webhook_level){.seen_since = now};
    (void)snprintf(level->name, sizeof level->name, "%s", name);
    return level;
}

static void see(struct webhook_level *level, enum health_level now_is, mono_us now)
{
    if (level->seen != now_is)
        level->seen_since = now;
    level->seen = now_is;
}

/* What is well and was told so need not be kept. */
static void forget_the_gone(struct webhook_changes *known)
{
    size_t kept = 0;
    for (size_t i = 0; i < known->count; i++) {
        const struct webhook_level *level = &known->levels[i];
        if (level->is_there || level->told != HEALTH_PASS || level->seen != HEALTH_PASS)
            known->levels[kept++] = *level;
    }
    known->count = kept;
}

void webhook_changes_recall(struct webhook_changes *known, const char *name, enum health_level told,
                            mono_us now)
{
    struct webhook_level *level = level_named(known, name, now);
    if (level == NULL)
        return;
    level->told = told;
    level->seen = told;
    known->told = told > known->told ? told : known->told;
}

size_t webhook_changes_look(struct webhook_changes *known, const struct health_report *report,
                            mono_us now, struct webhook_change *out)
{
    size_t changes = 0;
    forget_the_gone(known);
    for (size_t i = 0; i < known->count; i++)
        known->levels[i].is_there = false;
    for (size_t i = 0; i < report->count; i++) {
        struct webhook_level *level = level_named(known, report->checks[i].name, now);
        if (level == NULL)
            continue;
        level->is_there = true;
        see(level, report->checks[i].level, now);
    }
    known->told = HEALTH_PASS;
    for (size_t i = 0; i < known->count; i++) {
        struct webhook_level *level = &known->levels[i];
        if (!level->is_there)
            see(level, HEALTH_PASS, now);
        if (level->seen != level->told && now - level->seen_since >= WEBHOOK_SETTLE_US) {
            const struct health_check *check = health_find(report, level->name);
            out[changes++] = (struct webhook_change){
                level->name, check != NULL ? check->output : "", level->told, level->seen};
            level->told = level->seen;
        }
        known->told = level->told > known->told ? level->told : known->told;
    }
    return changes;
}
