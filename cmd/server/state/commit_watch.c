/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/commit_watch.h"

#include "cmd/server/readers/reader.h"
#include "cmd/server/state/ticker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static const char SQL_NEWEST[] = "SELECT max(id) FROM observations";

#define CACHE_KIB 64 /* the ends of two tables */

struct commit_watch {
    /* constant after init */
    struct ticker *ticker;
    struct reader *reader;
    /* the ticker's thread only */
    int64_t commits;
    uint64_t opened;
    /* guarded by lock; the generation is also read without */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    struct commit_seen seen;
    bool is_stopping;
    _Atomic uint64_t generation;
};

static void publish(struct commit_watch *watch, bool is_readable, int64_t observation)
{
    (void)pthread_mutex_lock(&watch->lock);
    watch->seen = (struct commit_seen){watch->seen.generation + 1, is_readable, observation};
    /* release: who sees the number finds the file at least as new */
    atomic_store_explicit(&watch->generation, watch->seen.generation, memory_order_release);
    (void)pthread_cond_broadcast(&watch->changed);
    (void)pthread_mutex_unlock(&watch->lock);
}

/* `seen` is written by this thread alone, so it reads it without the lock. */
static void on_tick(void *context)
{
    struct commit_watch *watch = context;
    struct err err = {0};
    if (reader_begin(watch->reader, READER_REQUEST_US, &err) != STATUS_OK) {
        if (watch->seen.is_readable || watch->seen.generation == 0)
            publish(watch, false, 0);
        return;
    }
    const bool is_same = watch->seen.is_readable && reader_opened(watch->reader) == watch->opened &&
                         reader_commits(watch->reader) == watch->commits;
    const int64_t newest = is_same ? 0 : reader_number(watch->reader, SQL_NEWEST, 0);
    watch->opened = reader_opened(watch->reader);
    watch->commits = reader_commits(watch->reader);
    const bool is_read = reader_end(watch->reader) == READER_ANSWERED;
    if (!is_same || !is_read)
        publish(watch, is_read, newest);
}

struct commit_watch *commit_watch_start(const char *path)
{
    struct commit_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    clock_cond_init(&watch->changed);
    (void)pthread_mutex_init(&watch->lock, NULL);
    watch->reader = reader_new(path);
    if (watch->reader != NULL)
        reader_set_cache(watch->reader, CACHE_KIB);
    if (watch->reader != NULL)
        watch->ticker = ticker_new("weir-commits", COMMIT_WATCH_PERIOD_US, on_tick, watch);
    if (watch->ticker != NULL && ticker_start(watch->ticker))
        return watch;
    commit_watch_free(watch);
    return NULL;
}

void commit_watch_stop(struct commit_watch *watch)
{
    if (watch == NULL)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    watch->is_stopping = true;
    (void)pthread_cond_broadcast(&watch->changed);
    (void)pthread_mutex_unlock(&watch->lock);
    ticker_free(watch->ticker);
    watch->ticker = NULL;
}

void commit_watch_free(struct commit_watch *watch)
{
    if (watch == NULL)
        return;
    ticker_free(watch->ticker);
    reader_free(watch->reader);
    (void)pthread_cond_destroy(&watch->changed);
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch);
}

uint64_t commit_watch_generation(const struct commit_watch *watch)
{
    return atomic_load_explicit(&watch->generation, memory_order_acquire);
}

bool commit_watch_wait(struct commit_watch *watch, uint64_t known, mono_us until,
                       struct commit_seen *out)
{
    const struct timespec deadline = clock_timespec(until);
    int rc = 0;
    (void)pthread_mutex_lock(&watch->lock);
    while (watch->seen.generation == known && !watch->is_stopping && rc == 0)
        rc = pthread_cond_timedwait(&watch->changed, &watch->lock, &deadline);
    *out = watch->seen;
    const bool is_new = watch->seen.generation != known && !watch->is_stopping;
    (void)pthread_mutex_unlock(&watch->lock);
    return is_new;
}
