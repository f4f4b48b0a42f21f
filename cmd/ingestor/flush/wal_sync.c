/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/wal_sync.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)64 * 1024)

struct wal_sync {
    /* constant after start */
    int fd;
    struct wake *done;
    pthread_t thread;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t asked;
    enum wal_sync_result result;
    bool is_stopping;
};

static void lock(struct wal_sync *sync)
{
    IGNORE(pthread_mutex_lock(&sync->lock), "can't fail: a plain mutex");
}

static void unlock(struct wal_sync *sync)
{
    IGNORE(pthread_mutex_unlock(&sync->lock), "locked above");
}

static bool sync_to_disk(int fd)
{
    int rc;
    do
        rc = fdatasync(fd);
    while (rc != 0 && errno == EINTR);
    return rc == 0;
}

static void *run(void *context)
{
    struct wal_sync *sync = context;
    lock(sync);
    while (!sync->is_stopping) {
        if (sync->result != WAL_SYNC_RUNNING) {
            IGNORE(pthread_cond_wait(&sync->asked, &sync->lock), "an early end is another look");
            continue;
        }
        unlock(sync);
        const bool is_synced = sync_to_disk(sync->fd);
        lock(sync);
        sync->result = is_synced ? WAL_SYNC_SYNCED : WAL_SYNC_FAILED;
        wake_notify(sync->done);
    }
    unlock(sync);
    return NULL;
}

static bool start_thread(struct wal_sync *sync)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    const bool is_started = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                            pthread_create(&sync->thread, &attributes, run, sync) == 0;
    IGNORE(pthread_attr_destroy(&attributes), "can't fail");
    if (is_started)
        IGNORE(pthread_setname_np(sync->thread, "weir-sync"), "a name for people");
    return is_started;
}

struct wal_sync *wal_sync_start(const char *wal_path, struct wake *done)
{
    struct wal_sync *sync = calloc(1, sizeof *sync);
    if (sync == NULL)
        return NULL;
    sync->done = done;
    sync->fd = open(wal_path, O_RDONLY | O_CLOEXEC);
    if (sync->fd < 0)
        goto no_file;
    if (pthread_mutex_init(&sync->lock, NULL) != 0)
        goto no_lock;
    if (pthread_cond_init(&sync->asked, NULL) != 0)
        goto no_condition;
    if (start_thread(sync))
        return sync;
    IGNORE(pthread_cond_destroy(&sync->asked), "nobody waits");
no_condition:
    IGNORE(pthread_mutex_destroy(&sync->lock), "nobody holds it");
no_lock:
    IGNORE(close(sync->fd), "read-only");
no_file:
    free(sync);
    return NULL;
}

void wal_sync_stop(struct wal_sync *sync)
{
    if (sync == NULL)
        return;
    lock(sync);
    sync->is_stopping = true;
    IGNORE(pthread_cond_signal(&sync->asked), "can't fail");
    unlock(sync);
    IGNORE(pthread_join(sync->thread, NULL), "ours, joined once");
    IGNORE(pthread_cond_destroy(&sync->asked), "nobody waits");
    IGNORE(pthread_mutex_destroy(&sync->lock), "nobody holds it");
    IGNORE(close(sync->fd), "read-only");
    free(sync);
}

void wal_sync_ask(struct wal_sync *sync)
{
    lock(sync);
    assert(sync->result == WAL_SYNC_NONE);
    sync->result = WAL_SYNC_RUNNING;
    IGNORE(pthread_cond_signal(&sync->asked), "can't fail");
    unlock(sync);
}

enum wal_sync_result wal_sync_take(struct wal_sync *sync)
{
    lock(sync);
    const enum wal_sync_result result = sync->result;
    if (result != WAL_SYNC_RUNNING)
        sync->result = WAL_SYNC_NONE;
    unlock(sync);
    return result;
}

bool wal_sync_has_ended(struct wal_sync *sync)
{
    lock(sync);
    const bool has_ended = sync->result == WAL_SYNC_SYNCED || sync->result == WAL_SYNC_FAILED;
    unlock(sync);
    return has_ended;
}
