/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/sync_thread.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct sync_thread {
    /* constant after start */
    struct ingest_buffer *ring;
    struct intake *intake;
    int interval_ms;
    pthread_t thread;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t stopping;
    bool is_stopping;
    /* atomic: relaxed, for the main loop's judgement; orders nothing */
    _Atomic bool is_failing;
};

static struct timespec after_ms(int ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* can't fail for this clock */
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

/* False = stop. */
static bool wait_interval(struct sync_thread *sync)
{
    const struct timespec until = after_ms(sync->interval_ms);
    IGNORE(pthread_mutex_lock(&sync->lock), "can't fail: a plain mutex");
    int rc = 0;
    while (!sync->is_stopping && rc == 0)
        rc = pthread_cond_timedwait(&sync->stopping, &sync->lock, &until);
    const bool go_on = !sync->is_stopping;
    IGNORE(pthread_mutex_unlock(&sync->lock), "locked above");
    return go_on;
}

static void *run(void *context)
{
    struct sync_thread *sync = context;
    while (wait_interval(sync)) {
        const bool is_failing = ingest_buffer_sync(sync->ring) != STATUS_OK;
        intake_distrust(sync->intake, is_failing);
        atomic_store_explicit(&sync->is_failing, is_failing, memory_order_relaxed);
    }
    return NULL;
}

static bool init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    const bool is_ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                       pthread_cond_init(condition, &attributes) == 0;
    IGNORE(pthread_condattr_destroy(&attributes), "can't fail");
    return is_ok;
}

enum status sync_thread_start(struct ingest_buffer *ring, struct intake *intake, int interval_ms,
                              struct sync_thread **out_sync)
{
    struct sync_thread *sync = calloc(1, sizeof *sync);
    if (sync == NULL)
        return STATUS_NO_MEMORY;
    sync->ring = ring;
    sync->intake = intake;
    sync->interval_ms = interval_ms;
    if (pthread_mutex_init(&sync->lock, NULL) != 0)
        goto no_lock;
    if (!init_condition(&sync->stopping))
        goto no_condition;
    if (pthread_create(&sync->thread, NULL, run, sync) != 0)
        goto no_thread;
    *out_sync = sync;
    return STATUS_OK;
no_thread:
    IGNORE(pthread_cond_destroy(&sync->stopping), "nobody waits");
no_condition:
    IGNORE(pthread_mutex_destroy(&sync->lock), "nobody holds it");
no_lock:
    free(sync);
    return STATUS_NO_MEMORY;
}

void sync_thread_stop(struct sync_thread *sync)
{
    if (sync == NULL)
        return;
    IGNORE(pthread_mutex_lock(&sync->lock), "can't fail: a plain mutex");
    sync->is_stopping = true;
    IGNORE(pthread_cond_signal(&sync->stopping), "can't fail");
    IGNORE(pthread_mutex_unlock(&sync->lock), "locked above");
    IGNORE(pthread_join(sync->thread, NULL), "ours, joined once");
    IGNORE(pthread_cond_destroy(&sync->stopping), "nobody waits");
    IGNORE(pthread_mutex_destroy(&sync->lock), "nobody holds it");
    free(sync);
}

bool sync_thread_is_failing(const struct sync_thread *sync)
{
    return atomic_load_explicit(&sync->is_failing, memory_order_relaxed);
}
