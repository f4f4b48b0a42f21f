/* SPDX-License-Identifier: MIT */
#include "cmd/server/live/live.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct live {
    /* constant after init */
    size_t clients_max;
    int64_t step_back;
    struct http_counts *counts;
    /* atomic */
    _Atomic bool is_draining;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    struct live_batch *first, **end;
    size_t waiting; /* posted, and not yet in the log */
    bool is_stopping;
    struct live_standing standing;
    void (*wake)(void *context); /* NULL = nobody takes */
    void *context;
    /* the loop's thread only */
    struct live_log *log;
    size_t clients;
    int64_t wanted, answered;
    bool is_full;
};

struct live *live_new(size_t clients_max, struct http_counts *counts)
{
    struct live *live = calloc(1, sizeof *live);
    if (live == NULL)
        return NULL;
    live->clients_max = clients_max;
    live->counts = counts;
    live->end = &live->first;
    live->wanted = live->answered = live->standing.wanted = INT64_MAX;
    clock_cond_init(&live->changed);
    (void)pthread_mutex_init(&live->lock, NULL);
    live->log = live_log_new(LIVE_LOG_BYTES, LIVE_LOG_EVENTS);
    if (live->log != NULL)
        return live;
    live_free(live);
    return NULL;
}

static void free_batches(struct live_batch *batch)
{
    while (batch != NULL) {
        struct live_batch *next = batch->next;
        free(batch);
        batch = next;
    }
}

void live_free(struct live *live)
{
    if (live == NULL)
        return;
    free_batches(live->first);
    live_log_free(live->log);
    (void)pthread_cond_destroy(&live->changed);
    (void)pthread_mutex_destroy(&live->lock);
    free(live);
}

void live_bound(struct live *live, size_t clients_max)
{
    live->clients_max = min_size(live->clients_max, clients_max);
}

void live_step_back(struct live *live, int64_t ids)
{
    live->step_back = ids;
}

int64_t live_steps_back(const struct live *live)
{
    return live->step_back;
}

void live_drain(struct live *live)
{
    atomic_store(&live->is_draining, true);
}

/* --- the feed --------------------------------------------------------------------------------- */

bool live_wait(struct live *live, mono_us until)
{
    const struct timespec deadline = clock_timespec(until);
    int rc = 0;
    (void)pthread_mutex_lock(&live->lock);
    while (!live->is_stopping && !live->standing.is_wanted && rc == 0)
        rc = pthread_cond_timedwait(&live->changed, &live->lock, &deadline);
    const bool goes_on = !live->is_stopping;
    (void)pthread_mutex_unlock(&live->lock);
    return goes_on;
}

bool live_settle(struct live *live, struct live_standing *out)
{
    (void)pthread_mutex_lock(&live->lock);
    while (!live->is_stopping && live->waiting > 0)
        (void)pthread_cond_wait(&live->changed, &live->lock);
    *out = live->standing;
    const bool goes_on = !live->is_stopping;
    (void)pthread_mutex_unlock(&live->lock);
    return goes_on;
}

void live_rest(struct live *live, const struct live_standing *then, mono_us until)
{
    const struct timespec deadline = clock_timespec(until);
    int rc = 0;
    (void)pthread_mutex_lock(&live->lock);
    while (!live->is_stopping && live->standing.wanted == then->wanted && rc == 0)
        rc = pthread_cond_timedwait(&live->changed, &live->lock, &deadline);
    (void)pthread_mutex_unlock(&live->lock);
}

bool live_post(struct live *live, struct live_batch *batch)
{
    (void)pthread_mutex_lock(&live->lock);
    while (!live->is_stopping && live->wake != NULL && live->waiting == LIVE_POSTS_MAX)
        (void)pthread_cond_wait(&live->changed, &live->lock);
    const bool goes_on = !live->is_stopping;
    const bool is_taken = goes_on && live->wake != NULL;
    if (is_taken) {
        *live->end = batch;
        live->end = &batch->next;
        live->waiting++;
        live->wake(live->context); /* an eventfd: it never waits */
    }
    (void)pthread_mutex_unlock(&live->lock);
    if (!is_taken)
        free(batch);
    return goes_on;
}

void live_stop(struct live *live)
{
    (void)pthread_mutex_lock(&live->lock);
    live->is_stopping = true;
    (void)pthread_cond_broadcast(&live->changed);
    (void)pthread_mutex_unlock(&live->lock);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void set_wake(struct live *live, void (*wake)(void *context), void *context)
{
    (void)pthread_mutex_lock(&live->lock);
    live->wake = wake;
    live->context = context;
    if (wake == NULL) {
        free_batches(live->first);
        live->first = NULL;
        live->end = &live->first;
        live->waiting = 0;
    }
    (void)pthread_cond_broadcast(&live->changed);
    (void)pthread_mutex_unlock(&live->lock);
}

void live_attach(struct live *live, void (*wake)(void *context), void *context)
{
    set_wake(live, wake, context);
}

void live_detach(struct live *live)
{
    set_wake(live, NULL, NULL);
}

/* taken: batches that have got into the log. */
static void publish(struct live *live, size_t taken)
{
    const struct live_standing standing = {.is_wanted = live->clients > 0,
                                           .is_open = live_log_is_open(live->log),
                                           .base = live_log_base(live->log),
                                           .last = live_log_last(live->log),
                                           .wanted = live->wanted,
                                           .is_full = live->is_full};
    (void)pthread_mutex_lock(&live->lock);
    live->standing = standing;
    live->waiting -= taken;
    (void)pthread_cond_broadcast(&live->changed);
    (void)pthread_mutex_unlock(&live->lock);
}

static void take_newer(struct live *live, const struct live_batch *batch)
{
    if (!live_log_is_open(live->log) || batch->from != live_log_last(live->log))
        return;
    for (size_t i = 0; i < batch->count; i++)
        (void)live_log_push(live->log, &batch->events[i]); /* a batch's event always has room */
    live_log_set_last(live->log, batch->to);
}

static void take_older(struct live *live, const struct live_batch *batch)
{
    bool has_room = live_log_is_open(live->log) && batch->from == live_log_base(live->log);
    for (size_t i = 0; i < batch->count && has_room; i++) {
        has_room = live_log_push_front(live->log, &batch->events[i]);
        live->is_full = !has_room;
    }
    if (has_room)
        live_log_set_base(live->log, batch->to);
    if (batch->answered < live->answered)
        live->answered = batch->answered;
    if (live->wanted >= live->answered)
        live->wanted = INT64_MAX;
}

static void take_batch(struct live *live, const struct live_batch *batch)
{
    switch (batch->kind) {
    case LIVE_BATCH_OPEN:
        live_log_open(live->log, batch->to);
        live->answered = live->wanted = INT64_MAX;
        live->is_full = false;
        break;
    case LIVE_BATCH_NEWER:
        take_newer(live, batch);
        break;
    case LIVE_BATCH_OLDER:
        take_older(live, batch);
        break;
    }
    atomic_fetch_add_explicit(&live->counts->live_events, batch->count,
                              memory_order_relaxed); /* a count alone */
}

bool live_take(struct live *live)
{
    (void)pthread_mutex_lock(&live->lock);
    struct live_batch *first = live->first;
    live->first = NULL;
    live->end = &live->first;
    (void)pthread_mutex_unlock(&live->lock);
    size_t taken = 0;
    for (struct live_batch *batch = first; batch != NULL; batch = batch->next, taken++)
        take_batch(live, batch);
    if (taken > 0)
        publish(live, taken);
    free_batches(first);
    return taken > 0;
}

bool live_join(struct live *live)
{
    if (live->clients >= live->clients_max || atomic_load(&live->is_draining))
        return false;
    live->clients++;
    atomic_store_explicit(&live->counts->live_clients, live->clients,
                          memory_order_relaxed); /* a count alone */
    if (live->clients == 1)
        publish(live, 0);
    return true;
}

void live_leave(struct live *live)
{
    live->clients--;
    atomic_store_explicit(&live->counts->live_clients, live->clients,
                          memory_order_relaxed); /* a count alone */
    if (live->clients > 0)
        return;
    live->wanted = INT64_MAX;
    publish(live, 0);
}

bool live_can_resume(struct live *live, int64_t after)
{
    if (!live_log_is_open(live->log))
        return false;
    if (after >= live_log_base(live->log) || after >= live->answered)
        return true;
    if (after < live->wanted) {
        live->wanted = after;
        publish(live, 0);
    }
    return false;
}

const struct live_log *live_log_of(const struct live *live)
{
    return live->log;
}

struct http_counts *live_counts_of(const struct live *live)
{
    return live->counts;
}
