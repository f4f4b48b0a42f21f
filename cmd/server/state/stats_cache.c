/* SPDX-License-Identifier: MIT */
#include "cmd/server/state/stats_cache.h"

#include "common/stats/stats_file.h"
#include "common/stats/stats_file_parse.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct box {                /* a view and who holds it */
    struct stats_view view; /* first: a view's address is its box's */
    unsigned refs;          /* guarded by lock */
};

struct stats_cache {
    /* constant after init */
    char *path;
    char boot_id[CLOCK_BOOT_ID_BYTES];
    /* guarded by refreshing: one refresh at a time, which alone may touch the file */
    pthread_mutex_t refreshing;
    mono_us next_look;
    struct stats_file_stamp stamp;
    struct procio last_io;
    wall_us last_io_at;
    wall_us last_started_at;
    /* guarded by lock */
    pthread_mutex_t lock;
    struct box *current;
    /* atomic: counters for other threads' glances; generation is raised behind a new view */
    _Atomic uint64_t generation, parses;
};

static struct box *box_new(enum status status)
{
    /* calloc: rows that no source uses are never touched and cost no memory. */
    struct box *box = calloc(1, sizeof *box);
    if (box == NULL)
        return NULL;
    box->view.status = status;
    box->refs = 1;
    return box;
}

struct stats_cache *stats_cache_new(const char *path)
{
    struct stats_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->path = strdup(path);
    clock_boot_id(cache->boot_id);
    cache->current = box_new(STATUS_AGAIN);
    cache->last_io_at = STATS_UNKNOWN;
    if (cache->path == NULL || cache->current == NULL)
        goto no_memory;
    if (pthread_mutex_init(&cache->refreshing, NULL) != 0)
        goto no_memory;
    if (pthread_mutex_init(&cache->lock, NULL) != 0)
        goto no_lock;
    return cache;
no_lock:
    (void)pthread_mutex_destroy(&cache->refreshing);
no_memory:
    free(cache->current);
    free(cache->path);
    free(cache);
    return NULL;
}

void stats_cache_free(struct stats_cache *cache)
{
    if (cache == NULL)
        return;
    (void)pthread_mutex_destroy(&cache->lock);
    (void)pthread_mutex_destroy(&cache->refreshing);
    free(cache->current);
    free(cache->path);
    free(cache);
}

/* Another boot's monotonic time, or another machine's, means nothing here. */
static void forget_foreign_mono(const struct stats_cache *cache, struct stats_snapshot *s)
{
    if (!clock_is_same_boot(cache->boot_id, s->boot_id))
        s->sampled_mono = STATS_UNKNOWN;
}

/* Rates of the file itself, else from the counters of this sample and the one before. */
static void find_rates(struct stats_cache *cache, struct stats_view *view)
{
    const struct stats_snapshot *now = &view->snapshot;
    const wall_us at =
        now->procio_sampled_at != STATS_UNKNOWN ? now->procio_sampled_at : now->sampled_at;
    if (now->has_procio_rates) {
        view->rates = now->procio_rates;
        view->has_rates = true;
        return;
    }
    if (!now->has_procio || at == STATS_UNKNOWN)
        return;
    const bool has_base =
        cache->last_io_at != STATS_UNKNOWN && cache->last_started_at == now->started_at;
    view->has_rates =
        has_base && stats_procio_rates(&cache->last_io, &now->procio,
                                       (double)(at - cache->last_io_at) / US_PER_S, &view->rates);
    cache->last_io = now->procio;
    cache->last_io_at = at;
    cache->last_started_at = now->started_at;
}

/* NULL = nothing new. */
static struct box *look(struct stats_cache *cache)
{
    struct stats_file_stamp stamp = cache->stamp;
    char *text = NULL;
    size_t len = 0;
    const enum status status = stats_file_read(cache->path, &stamp, &text, &len);
    struct box *box = NULL;
    if (status != STATUS_AGAIN && status != STATUS_NO_MEMORY)
        box = box_new(status);
    if (box != NULL && text != NULL) {
        atomic_fetch_add_explicit(&cache->parses, 1, memory_order_relaxed); /* a counter */
        box->view.status = stats_file_parse(text, len, &box->view.snapshot);
        if (box->view.status == STATUS_OK) {
            forget_foreign_mono(cache, &box->view.snapshot);
            find_rates(cache, &box->view);
        }
    }
    free(text);
    if (box != NULL) /* without memory the old view stays, and the next look tries again */
        cache->stamp = stamp;
    return box;
}

static void publish(struct stats_cache *cache, struct box *box)
{
    (void)pthread_mutex_lock(&cache->lock);
    struct box *old = cache->current;
    const bool is_same_absence =
        box->view.status != STATUS_OK && old->view.status == box->view.status;
    struct box *unused = box;
    if (!is_same_absence) {
        cache->current = box;
        unused = --old->refs == 0 ? old : NULL;
    }
    (void)pthread_mutex_unlock(&cache->lock);
    free(unused);
    if (!is_same_absence) /* release: who sees the number also finds the view */
        atomic_fetch_add_explicit(&cache->generation, 1, memory_order_release);
}

void stats_cache_refresh(struct stats_cache *cache)
{
    if (pthread_mutex_trylock(&cache->refreshing) != 0)
        return;
    const mono_us now = clock_mono();
    if (now >= cache->next_look) {
        cache->next_look = now + STATS_CACHE_TTL_US;
        struct box *box = look(cache);
        if (box != NULL)
            publish(cache, box);
    }
    (void)pthread_mutex_unlock(&cache->refreshing);
}

const struct stats_view *stats_cache_take(struct stats_cache *cache)
{
    (void)pthread_mutex_lock(&cache->lock);
    struct box *box = cache->current;
    box->refs++;
    (void)pthread_mutex_unlock(&cache->lock);
    return &box->view;
}

void stats_cache_release(struct stats_cache *cache, const struct stats_view *view)
{
    (void)pthread_mutex_lock(&cache->lock);
    /* The view is its box's first member; const is for its readers. */
    struct box *box = (struct box *)(uintptr_t)view;
    const bool is_last = --box->refs == 0;
    (void)pthread_mutex_unlock(&cache->lock);
    if (is_last)
        free(box);
}

uint64_t stats_cache_generation(const struct stats_cache *cache)
{
    return atomic_load_explicit(&cache->generation, memory_order_acquire); /* pairs with publish */
}

uint64_t stats_cache_parses(const struct stats_cache *cache)
{
    return atomic_load_explicit(&cache->parses, memory_order_relaxed); /* a counter */
}
