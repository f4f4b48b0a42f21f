/* SPDX-License-Identifier: MIT
 *
 * Jobs stand in a circle, in the order in which they were offered; a position p is the slot
 * p % VERIFY_JOBS. A thread takes the next position and then the job that it finds there, which may
 * by then be a later one in the same slot: its state alone says whose it is. */
#include "cmd/ingestor/verify/verify_pool.h"

#include "common/base/crypto.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES (256 * 1024)
/* Where a job is looked for, by its signature's first bytes. */
#define PLACES VERIFY_JOBS

enum job_state {
    JOB_EMPTY, /* nobody's, or the writer has verified it itself */
    JOB_READY, /* no thread has begun */
    JOB_TAKEN, /* a thread reads it */
    JOB_GOOD,
    JOB_FORGED,
};

struct job {
    /* READY: released by the writer with the bytes; GOOD, FORGED: by the thread, after its last
     * look at them. */
    _Atomic uint8_t state;
    uint8_t message_len; /* 0 = never used */
    uint16_t next;       /* the writer's: of the same place, as there */
    uint8_t signature[MESHCORE_SIGNATURE_BYTES];
    uint8_t message[MESHCORE_SIGNED_MAX]; /* begins with the key */
};

struct verify_pool {
    struct job jobs[VERIFY_JOBS];
    /* the writer's */
    uint16_t places[PLACES]; /* of a job, + 1; 0 = none */
    uint64_t offered;
    unsigned thread_count;
    pthread_t threads[VERIFY_THREADS_MAX];
    /* positions */
    _Atomic uint64_t published; /* by the writer, released */
    _Atomic uint64_t next;      /* taken by the threads */
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool is_stopping;
};

/* --- a thread --------------------------------------------------------------------------------- */

static void verify(struct job *job)
{
    uint8_t expected = JOB_READY;
    /* Acquire: the bytes belong to this state. */
    if (!atomic_compare_exchange_strong_explicit(&job->state, &expected, JOB_TAKEN,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    const bool is_good =
        crypto_ed25519_verify(job->signature, job->message, job->message_len, job->message);
    atomic_store_explicit(&job->state, is_good ? JOB_GOOD : JOB_FORGED, memory_order_release);
}

static bool has_work(struct verify_pool *pool)
{
    /* Relaxed: the state of a job says what may be read of it. */
    return atomic_load_explicit(&pool->next, memory_order_relaxed) <
           atomic_load_explicit(&pool->published, memory_order_relaxed);
}

static void verify_what_is_there(struct verify_pool *pool)
{
    uint64_t at = atomic_load_explicit(&pool->next, memory_order_relaxed); /* as in has_work */
    while (at < atomic_load_explicit(&pool->published, memory_order_relaxed)) {
        if (!atomic_compare_exchange_weak_explicit(&pool->next, &at, at + 1, memory_order_relaxed,
                                                   memory_order_relaxed))
            continue;
        verify(&pool->jobs[at % VERIFY_JOBS]);
        at = atomic_load_explicit(&pool->next, memory_order_relaxed);
    }
}

/* False = stop. */
static bool wait_for_work(struct verify_pool *pool)
{
    IGNORE(pthread_mutex_lock(&pool->lock), "can't fail: a plain mutex");
    while (!pool->is_stopping && !has_work(pool))
        IGNORE(pthread_cond_wait(&pool->work, &pool->lock), "an early end is another look");
    const bool go_on = !pool->is_stopping;
    IGNORE(pthread_mutex_unlock(&pool->lock), "locked above");
    return go_on;
}

static void *run(void *context)
{
    while (wait_for_work(context))
        verify_what_is_there(context);
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static bool start_thread(struct verify_pool *pool)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_t *const thread = &pool->threads[pool->thread_count];
    const bool is_started = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                            pthread_create(thread, &attributes, run, pool) == 0;
    IGNORE(pthread_attr_destroy(&attributes), "can't fail");
    if (is_started)
        IGNORE(pthread_setname_np(*thread, "weir-verify"), "a name for people");
    return is_started;
}

unsigned verify_pool_start(unsigned threads, struct verify_pool **out_pool)
{
    *out_pool = NULL;
    struct verify_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return 0;
    if (pthread_mutex_init(&pool->lock, NULL) != 0)
        goto no_lock;
    if (pthread_cond_init(&pool->work, NULL) != 0)
        goto no_condition;
    while (pool->thread_count < threads && pool->thread_count < VERIFY_THREADS_MAX &&
           start_thread(pool))
        pool->thread_count++;
    if (pool->thread_count == 0)
        goto no_thread;
    *out_pool = pool;
    return pool->thread_count;
no_thread:
    IGNORE(pthread_cond_destroy(&pool->work), "nobody waits");
no_condition:
    IGNORE(pthread_mutex_destroy(&pool->lock), "nobody holds it");
no_lock:
    free(pool);
    return 0;
}

void verify_pool_stop(struct verify_pool *pool)
{
    if (pool == NULL)
        return;
    IGNORE(pthread_mutex_lock(&pool->lock), "can't fail: a plain mutex");
    pool->is_stopping = true;
    atomic_store_explicit(&pool->next, UINT64_MAX, memory_order_relaxed); /* nothing is begun */
    IGNORE(pthread_cond_broadcast(&pool->work), "can't fail");
    IGNORE(pthread_mutex_unlock(&pool->lock), "locked above");
    for (unsigned i = 0; i < pool->thread_count; i++)
        IGNORE(pthread_join(pool->threads[i], NULL), "ours, joined once");
    IGNORE(pthread_cond_destroy(&pool->work), "nobody waits");
    IGNORE(pthread_mutex_destroy(&pool->lock), "nobody holds it");
    free(pool);
}

/* --- the writer's side ------------------------------------------------------------------------ */

static uint16_t *place_of(struct verify_pool *pool, const uint8_t *signature)
{
    uint32_t bits;
    memcpy(&bits, signature, sizeof bits);
    return &pool->places[bits % PLACES];
}

static struct job *find(struct verify_pool *pool, const struct meshcore_advert *advert)
{
    uint8_t message[MESHCORE_SIGNED_MAX];
    const size_t len = meshcore_advert_signed(advert, message);
    uint16_t at = *place_of(pool, advert->signature);
    while (at != 0) {
        struct job *const job = &pool->jobs[at - 1];
        if (job->message_len == len &&
            memcmp(job->signature, advert->signature, sizeof job->signature) == 0 &&
            memcmp(job->message, message, len) == 0)
            return job;
        at = job->next;
    }
    return NULL;
}

static void unlink_job(struct verify_pool *pool, const struct job *job)
{
    uint16_t *at = place_of(pool, job->signature);
    while (*at != (uint16_t)(job - pool->jobs + 1))
        at = &pool->jobs[*at - 1].next;
    *at = job->next;
}

static enum job_state state_of(const struct job *job)
{
    /* Acquire: a thread that is done has also done reading. */
    return (enum job_state)atomic_load_explicit(&job->state, memory_order_acquire);
}

bool verify_pool_offer(struct verify_pool *pool, const struct meshcore_advert *advert)
{
    const struct job *const known = find(pool, advert);
    if (known != NULL && state_of(known) != JOB_EMPTY)
        return true;
    struct job *const job = &pool->jobs[pool->offered % VERIFY_JOBS];
    const enum job_state state = state_of(job);
    if (state == JOB_READY || state == JOB_TAKEN)
        return false;
    if (job->message_len != 0)
        unlink_job(pool, job);
    job->message_len = (uint8_t)meshcore_advert_signed(advert, job->message);
    memcpy(job->signature, advert->signature, sizeof job->signature);
    uint16_t *const place = place_of(pool, job->signature);
    job->next = *place;
    *place = (uint16_t)(pool->offered % VERIFY_JOBS + 1);
    pool->offered++;
    atomic_store_explicit(&job->state, JOB_READY, memory_order_release);
    return true;
}

void verify_pool_hand_over(struct verify_pool *pool)
{
    /* Relaxed: the writer's own. */
    if (pool->offered == atomic_load_explicit(&pool->published, memory_order_relaxed))
        return;
    IGNORE(pthread_mutex_lock(&pool->lock), "can't fail: a plain mutex");
    atomic_store_explicit(&pool->published, pool->offered, memory_order_relaxed);
    IGNORE(pthread_cond_broadcast(&pool->work), "can't fail");
    IGNORE(pthread_mutex_unlock(&pool->lock), "locked above");
}

enum verdict verify_pool_verdict(struct verify_pool *pool, const struct meshcore_advert *advert)
{
    struct job *const job = find(pool, advert);
    if (job == NULL)
        return VERDICT_UNKNOWN;
    const enum job_state state = state_of(job);
    if (state == JOB_GOOD || state == JOB_FORGED)
        return state == JOB_GOOD ? VERDICT_GOOD : VERDICT_FORGED;
    uint8_t expected = JOB_READY;
    /* Relaxed: no byte of it is read or written here. */
    if (!atomic_compare_exchange_strong_explicit(&job->state, &expected, JOB_EMPTY,
                                                 memory_order_relaxed, memory_order_relaxed) &&
        (expected == JOB_GOOD || expected == JOB_FORGED)) /* just now */
        return expected == JOB_GOOD ? VERDICT_GOOD : VERDICT_FORGED;
    return VERDICT_UNKNOWN;
}
