/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/ticker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct ticker {
    /* constant after init */
    const char *name;
    mono_us period;
    void (*turn)(void *);
    void *arg;
    /* the owner's thread only */
    pthread_t thread;
    bool is_started;
    /* written under lock, read anywhere */
    _Atomic bool is_stopping;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* CLOCK_MONOTONIC */
};

static void *run(void *arg)
{
    struct ticker *ticker = arg;
    (void)pthread_setname_np(pthread_self(), ticker->name); /* for `top -H` only */
    mono_us next = clock_mono();
    while (!ticker_is_stopping(ticker)) {
        ticker->turn(ticker->arg);
        next += ticker->period;
        const mono_us now = clock_mono();
        if (next < now) /* a slow turn delays the next one; it is not followed by a burst */
            next = now;
        const struct timespec until = clock_timespec(next);
        (void)pthread_mutex_lock(&ticker->lock);
        int rc = 0;
        while (!ticker_is_stopping(ticker) && rc == 0)
            rc = pthread_cond_timedwait(&ticker->wake, &ticker->lock, &until);
        (void)pthread_mutex_unlock(&ticker->lock);
    }
    return NULL;
}

struct ticker *ticker_new(const char *name, mono_us period, void (*turn)(void *), void *arg)
{
    struct ticker *ticker = calloc(1, sizeof *ticker);
    if (ticker == NULL)
        return NULL;
    ticker->name = name;
    ticker->period = period;
    ticker->turn = turn;
    ticker->arg = arg;
    clock_cond_init(&ticker->wake);
    (void)pthread_mutex_init(&ticker->lock, NULL);
    return ticker;
}

bool ticker_start(struct ticker *ticker)
{
    ticker->is_started = pthread_create(&ticker->thread, NULL, run, ticker) == 0;
    return ticker->is_started;
}

void ticker_free(struct ticker *ticker)
{
    if (ticker == NULL)
        return;
    (void)pthread_mutex_lock(&ticker->lock);
    atomic_store(&ticker->is_stopping, true);
    (void)pthread_cond_signal(&ticker->wake);
    (void)pthread_mutex_unlock(&ticker->lock);
    if (ticker->is_started)
        (void)pthread_join(ticker->thread, NULL);
    (void)pthread_cond_destroy(&ticker->wake);
    (void)pthread_mutex_destroy(&ticker->lock);
    free(ticker);
}

bool ticker_is_stopping(struct ticker *ticker)
{
    return atomic_load(&ticker->is_stopping);
}
