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

/* False = stop. */
static bool wait_interval(struct sync_thread *sync)
{
    const struct timespec until =
        clock_timespec(clock_mono() + sync->interval_ms * (mono_us)US_PER_MS);
    IGNORE(pthread_mutex_lock(&sync->lock), "can't fail: a plain mutex");
    int rc = 0;
    while (!sync->is_stopping && rc == 0)
        rc = pthread_cond_clockwait(&sync->stopping, &sync->lock, CLOCK_MONOTONIC, &until);
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
    if (pthread_cond_init(&sync->stopping, NULL) != 0)
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
