/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/health_watch.h"

#include "cmd/server/state/integrity.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct box {                     /* a report and who holds it */
    struct health_report report; /* first: a report's address is its box's */
    unsigned refs;               /* guarded by lock */
};

struct health_watch {
    /* guarded by lock */
    pthread_mutex_t lock;
    struct box *last; /* NULL = none yet */
    int64_t disk_full_in_s;
    char damage[INTEGRITY_TEXT_MAX];
};

struct health_watch *health_watch_new(void)
{
    struct health_watch *watch = calloc(1, sizeof *watch);
    if (watch != NULL)
        (void)pthread_mutex_init(&watch->lock, NULL); /* can't fail on Linux without attributes */
    return watch;
}

void health_watch_free(struct health_watch *watch)
{
    if (watch == NULL)
        return;
    free(watch->last);
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch);
}

void health_watch_expect_full(struct health_watch *watch, int64_t in_s)
{
    (void)pthread_mutex_lock(&watch->lock);
    watch->disk_full_in_s = in_s;
    (void)pthread_mutex_unlock(&watch->lock);
}

void health_watch_tell_damage(struct health_watch *watch, const char *text)
{
    (void)pthread_mutex_lock(&watch->lock);
    (void)snprintf(watch->damage, sizeof watch->damage, "%s", text);
    (void)pthread_mutex_unlock(&watch->lock);
}

const struct health_report *health_watch_judge(struct health_watch *watch,
                                               const struct health_input *input)
{
    struct box *box = malloc(sizeof *box); /* health_judge sets what is read */
    if (box == NULL)
        return NULL;
    box->refs = 2; /* ours and the caller's */
    (void)pthread_mutex_lock(&watch->lock);
    struct box *before = watch->last;
    struct health_input whole = *input;
    whole.disk_full_in_s = watch->disk_full_in_s;
    whole.damage = watch->damage;
    health_judge(&whole, before != NULL ? &before->report : NULL, &box->report);
    watch->last = box;
    const bool is_unused = before != NULL && --before->refs == 0;
    (void)pthread_mutex_unlock(&watch->lock);
    if (is_unused)
        free(before);
    return &box->report;
}

const struct health_report *health_watch_peek(struct health_watch *watch)
{
    (void)pthread_mutex_lock(&watch->lock);
    struct box *box = watch->last;
    if (box != NULL)
        box->refs++;
    (void)pthread_mutex_unlock(&watch->lock);
    return box != NULL ? &box->report : NULL;
}

void health_watch_release(struct health_watch *watch, const struct health_report *report)
{
    if (report == NULL)
        return;
    /* The report is its box's first member; const is for its readers. */
    struct box *box = (struct box *)(uintptr_t)report;
    (void)pthread_mutex_lock(&watch->lock);
    const bool is_last = --box->refs == 0;
    (void)pthread_mutex_unlock(&watch->lock);
    if (is_last)
        free(box);
}
