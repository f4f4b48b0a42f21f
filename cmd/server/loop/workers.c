/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/workers.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS_MAX 16

struct workers {
    /* constant after init */
    size_t waiting_max;
    /* the owner's thread only */
    pthread_t threads[THREADS_MAX];
    size_t thread_count;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct work *first, **last;
    size_t waiting;
    bool is_stopping;
};

/* NULL = the pool stops. */
static struct work *next_work(struct workers *workers)
{
    (void)pthread_mutex_lock(&workers->lock);
    while (workers->first == NULL && !workers->is_stopping)
        (void)pthread_cond_wait(&workers->wake, &workers->lock);
    struct work *work = workers->is_stopping ? NULL : workers->first;
    if (work != NULL) {
        workers->first = work->next;
        workers->waiting--;
        if (workers->first == NULL)
            workers->last = &workers->first;
    }
    (void)pthread_mutex_unlock(&workers->lock);
    return work;
}

static void *run(void *arg)
{
    struct workers *workers = arg;
    (void)pthread_setname_np(pthread_self(), "weir-http-work"); /* for `top -H` only */
    for (struct work *work; (work = next_work(workers)) != NULL;)
        work->run(work);
    return NULL;
}

struct workers *workers_start(size_t threads, size_t waiting_max)
{
    struct workers *workers = calloc(1, sizeof *workers);
    if (workers == NULL)
        return NULL;
    workers->waiting_max = waiting_max;
    workers->last = &workers->first;
    (void)pthread_mutex_init(&workers->lock, NULL); /* can't fail on Linux without attributes */
    (void)pthread_cond_init(&workers->wake, NULL);
    for (; workers->thread_count < min_size(threads, THREADS_MAX); workers->thread_count++) {
        pthread_t *thread = &workers->threads[workers->thread_count];
        if (pthread_create(thread, NULL, run, workers) != 0)
            break;
    }
    if (workers->thread_count > 0)
        return workers;
    workers_stop(workers);
    return NULL;
}

bool workers_submit(struct workers *workers, struct work *work)
{
    (void)pthread_mutex_lock(&workers->lock);
    const bool has_room = workers->waiting < workers->waiting_max;
    if (has_room) {
        work->next = NULL;
        *workers->last = work;
        workers->last = &work->next;
        workers->waiting++;
        (void)pthread_cond_signal(&workers->wake);
    }
    (void)pthread_mutex_unlock(&workers->lock);
    return has_room;
}

void workers_stop(struct workers *workers)
{
    if (workers == NULL)
        return;
    (void)pthread_mutex_lock(&workers->lock);
    workers->is_stopping = true;
    (void)pthread_cond_broadcast(&workers->wake);
    (void)pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; i < workers->thread_count; i++)
        (void)pthread_join(workers->threads[i], NULL);
    (void)pthread_cond_destroy(&workers->wake);
    (void)pthread_mutex_destroy(&workers->lock);
    free(workers);
}
