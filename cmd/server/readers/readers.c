/* SPDX-License-Identifier: MIT */
#include "cmd/server/readers/readers.h"

#include <pthread.h>
#include <stdlib.h>

struct readers {
    /* constant after init */
    struct reader *all[READERS_MAX];
    size_t count;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct reader *free[READERS_MAX]; /* the one given back last goes first: its pages are warm */
    size_t free_count;
};

struct readers *readers_new(const char *path, size_t count)
{
    struct readers *readers = calloc(1, sizeof *readers);
    if (readers == NULL)
        return NULL;
    clock_cond_init(&readers->given);
    (void)pthread_mutex_init(&readers->lock, NULL);
    for (; readers->count < min_size(count, READERS_MAX); readers->count++) {
        struct reader *reader = reader_new(path);
        if (reader == NULL) {
            readers_free(readers);
            return NULL;
        }
        readers->all[readers->count] = reader;
        readers->free[readers->free_count++] = reader;
    }
    return readers;
}

void readers_free(struct readers *readers)
{
    if (readers == NULL)
        return;
    for (size_t i = 0; i < readers->count; i++)
        reader_free(readers->all[i]);
    (void)pthread_cond_destroy(&readers->given);
    (void)pthread_mutex_destroy(&readers->lock);
    free(readers);
}

struct reader *readers_take(struct readers *readers, mono_us until)
{
    const struct timespec deadline = clock_timespec(until);
    struct reader *reader = NULL;
    int rc = 0;
    (void)pthread_mutex_lock(&readers->lock);
    while (readers->free_count == 0 && rc == 0)
        rc = pthread_cond_timedwait(&readers->given, &readers->lock, &deadline);
    if (readers->free_count > 0)
        reader = readers->free[--readers->free_count];
    (void)pthread_mutex_unlock(&readers->lock);
    return reader;
}

void readers_give(struct readers *readers, struct reader *reader)
{
    (void)pthread_mutex_lock(&readers->lock);
    readers->free[readers->free_count++] = reader;
    (void)pthread_cond_signal(&readers->given);
    (void)pthread_mutex_unlock(&readers->lock);
}

void readers_interrupt(struct readers *readers)
{
    for (size_t i = 0; i < readers->count; i++)
        reader_interrupt(readers->all[i]);
}
