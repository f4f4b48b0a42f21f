/* SPDX-License-Identifier: MIT */
#include "common/health/health_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *health_level_word(enum health_level level)
{
    static const char *const words[] = {
        [HEALTH_PASS] = "pass", [HEALTH_WARN] = "warn", [HEALTH_FAIL] = "fail"};
    return words[level];
}

void health_begin(const struct health_report *before, struct health_report *out)
{
    out->level = HEALTH_PASS;
    out->reason = "";
    out->count = 0;
    out->commits = before != NULL ? before->commits : (struct health_commits){0};
}

static void raise_level(enum health_level *level, enum health_level to)
{
    if (to > *level)
        *level = to;
}

/* Prefix and subject are joined here, so that hostile names are cut, never written past the end. */
void health_add(struct health_report *out, const char *prefix, const char *subject,
                enum health_level level, const char *fmt, ...)
{
    if (out->count == HEALTH_CHECKS_MAX)
        return;
    struct health_check *check = &out->checks[out->count++];
    (void)snprintf(check->name, sizeof check->name, "%s%s", prefix, subject);
    check->level = level;
    check->since_unix = 0;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(check->output, sizeof check->output, fmt, args);
    va_end(args);
    raise_level(&out->level, level);
}

void health_append(struct health_report *out, enum health_level level, const char *fmt, ...)
{
    if (out->count == 0)
        return;
    struct health_check *check = &out->checks[out->count - 1];
    size_t used = strlen(check->output);
    if (used > 0)
        (void)snprintf(check->output + used, sizeof check->output - used, "; ");
    used = strlen(check->output);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(check->output + used, sizeof check->output - used, fmt, args);
    va_end(args);
    raise_level(&check->level, level);
    raise_level(&out->level, level);
}

void health_cap(struct health_report *out, size_t from, enum health_level level)
{
    out->level = HEALTH_PASS;
    for (size_t i = 0; i < out->count; i++) {
        if (i >= from && out->checks[i].level > level)
            out->checks[i].level = level;
        raise_level(&out->level, out->checks[i].level);
    }
}

size_t health_findings(const struct health_report *report,
                       const struct health_check *out[static HEALTH_CHECKS_MAX])
{
    size_t count = 0;
    for (enum health_level level = HEALTH_FAIL; level > HEALTH_PASS; level--) {
        for (size_t i = 0; i < report->count; i++) {
            if (report->checks[i].level == level)
                out[count++] = &report->checks[i];
        }
    }
    return count;
}

const struct health_check *health_find(const struct health_report *report, const char *name)
{
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->checks[i].name, name) == 0)
            return &report->checks[i];
    }
    return NULL;
}

void health_carry_since(const struct health_report *before, int64_t now_unix,
                        struct health_report *out)
{
    for (size_t i = 0; i < out->count; i++) {
        struct health_check *check = &out->checks[i];
        check->since_unix = now_unix;
        for (size_t k = 0; before != NULL && k < before->count; k++) {
            const struct health_check *old = &before->checks[k];
            if (old->level == check->level && strcmp(old->name, check->name) == 0) {
                check->since_unix = old->since_unix;
                break;
            }
        }
    }
}
