/* SPDX-License-Identifier: MIT */
#include "cmd/server/cache/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096 /* 32 KiB; at the default limit about one answer of 2 KiB each */

struct entry {
    struct entry *newer, *older; /* the list of use; NULL outside of it */
    struct entry *next;          /* in its bucket, or among what is to be freed */
    struct http_ready *ready;    /* NULL = being rendered for the first time */
    struct cache_validity validity;
    uint64_t epoch;        /* when its answer was begun */
    bool is_rendering;     /* then it stays, whatever its use */
    uint64_t render_epoch; /* when that began */
    uint64_t hash;
    size_t route, len;
    char text[];
};

struct cache {
    /* constant after init */
    size_t max_bytes;
    uint64_t seed;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t rendered;
    struct entry **fixed; /* by route: the entry without a text, or NULL */
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    uint64_t epoch; /* cache_forget begins one */
    struct cache_counts counts;
};

/* --- keys ------------------------------------------------------------------------------------- */

/* FNV-1a from a start that nobody outside knows. Collisions cost a walk over at most what
 * the limit holds. */
static uint64_t hash_of(const struct cache *cache, const struct cache_key *key)
{
    uint64_t hash = cache->seed ^ key->route;
    for (size_t i = 0; i < key->len; i++)
        hash = (hash ^ (uint8_t)key->text[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static struct entry **place_of(struct cache *cache, const struct cache_key *key, uint64_t hash)
{
    if (key->len == 0)
        return &cache->fixed[key->route];
    struct entry **place = &cache->buckets[hash % BUCKETS];
    for (; *place != NULL; place = &(*place)->next) {
        const struct entry *e = *place;
        if (e->hash == hash && e->route == key->route && e->len == key->len &&
            memcmp(e->text, key->text, key->len) == 0)
            break;
    }
    return place;
}

static size_t entry_bytes(const struct entry *e)
{
    return sizeof *e + e->len + (e->ready != NULL ? http_ready_bytes(e->ready) : 0);
}

/* --- the list of use -------------------------------------------------------------------------- */

static void unlink_entry(struct cache *cache, struct entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &cache->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &cache->oldest) = e->newer;
}

static void link_newest(struct cache *cache, struct entry *e)
{
    e->newer = NULL;
    e->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = e;
    cache->newest = e;
}

static void touch(struct cache *cache, struct entry *e)
{
    if (cache->newest == e)
        return;
    unlink_entry(cache, e);
    link_newest(cache, e);
}

/* Out of every list and onto `garbage`: memory is freed without the lock. */
static void drop(struct cache *cache, struct entry *e, struct entry **garbage)
{
    const struct cache_key key = {e->route, e->text, e->len};
    struct entry **place = place_of(cache, &key, e->hash);
    *place = e->next;
    unlink_entry(cache, e);
    cache->counts.bytes -= entry_bytes(e);
    cache->counts.entries--;
    e->next = *garbage;
    *garbage = e;
}

/* The longest unused first, until `more` bytes fit. False = they can't. */
static bool make_room(struct cache *cache, size_t more, struct entry **garbage)
{
    if (more > cache->max_bytes)
        return false;
    struct entry *e = cache->oldest;
    while (e != NULL && cache->counts.bytes > cache->max_bytes - more) {
        struct entry *newer = e->newer;
        if (!e->is_rendering) {
            drop(cache, e, garbage);
            cache->counts.evictions++;
        }
        e = newer;
    }
    return cache->counts.bytes <= cache->max_bytes - more;
}

static void free_all(struct entry *garbage)
{
    while (garbage != NULL) {
        struct entry *e = garbage;
        garbage = e->next;
        http_ready_unref(e->ready);
        free(e);
    }
}

/* --- rendering -------------------------------------------------------------------------------- */

static bool is_good(const struct cache *cache, const struct entry *e,
                    const struct cache_wanted *wanted)
{
    return e->ready != NULL && e->epoch == cache->epoch && wanted->now < e->validity.good_until &&
           e->validity.generation >= wanted->generation;
}

/* A new entry for a rendering, NULL = no memory or no room: then the answer is rendered,
 * but not kept. */
static struct entry *add(struct cache *cache, const struct cache_key *key, uint64_t hash,
                         struct entry **garbage)
{
    struct entry *e = malloc(sizeof *e + key->len);
    if (e == NULL)
        return NULL;
    *e = (struct entry){.hash = hash, .route = key->route, .len = key->len};
    if (key->len > 0)
        memcpy(e->text, key->text, key->len);
    if (!make_room(cache, entry_bytes(e), garbage)) {
        free(e);
        return NULL;
    }
    *place_of(cache, key, hash) = e;
    link_newest(cache, e);
    cache->counts.bytes += entry_bytes(e);
    cache->counts.entries++;
    return e;
}

/* Waits while another thread renders the key. The answer, or NULL: then it is the caller's to
 * render, and *out is the entry it is kept in, or NULL. */
static struct http_ready *find(struct cache *cache, const struct cache_key *key,
                               const struct cache_wanted *wanted, struct entry **out,
                               struct entry **garbage)
{
    const uint64_t hash = key->len > 0 ? hash_of(cache, key) : 0;
    struct entry *e;
    for (;;) { /* looked up anew after each wait: the entry may be gone */
        e = *place_of(cache, key, hash);
        const bool is_enough = e != NULL && e->ready != NULL && e->epoch == cache->epoch &&
                               e->is_rendering && wanted->may_be_older;
        if (e != NULL && (is_good(cache, e, wanted) || is_enough)) {
            touch(cache, e);
            return http_ready_ref(e->ready);
        }
        if (e == NULL || !e->is_rendering)
            break;
        (void)pthread_cond_wait(&cache->rendered, &cache->lock);
    }
    if (e == NULL)
        e = add(cache, key, hash, garbage);
    if (e != NULL) {
        e->is_rendering = true;
        e->render_epoch = cache->epoch;
    }
    *out = e;
    return NULL;
}

/* The rendering is over: its answer takes the place of the one before, which is returned with a
 * reference. Without an answer (no memory) that one stays, and is what can still be given out. */
static struct http_ready *store(struct cache *cache, struct entry *e, const struct cache_made *made)
{
    struct http_ready *older = e->ready;
    cache->counts.bytes -= entry_bytes(e);
    if (made->ready != NULL) {
        e->ready = http_ready_ref(made->ready);
        e->validity = made->validity;
        e->epoch = e->render_epoch;
    } else if (older != NULL) {
        older = http_ready_ref(older);
    }
    return older;
}

/* Keeps the entry, which store has taken out of the sum, or lets it go. */
static void finish(struct cache *cache, struct entry *e, bool is_worth_it, struct entry **garbage)
{
    touch(cache, e);
    /* Still rendering, so that room is not made of the entry itself. */
    const bool is_kept = is_worth_it && make_room(cache, entry_bytes(e), garbage);
    e->is_rendering = false;
    cache->counts.bytes += entry_bytes(e);
    if (!is_kept)
        drop(cache, e, garbage);
    (void)pthread_cond_broadcast(&cache->rendered);
}

static struct http_ready *render_for(struct cache *cache, struct entry *e, mono_us asked_at,
                                     cache_render render, void *job)
{
    const struct cache_made made = render(job);
    struct http_ready *older = NULL;
    struct entry *garbage = NULL;
    (void)pthread_mutex_lock(&cache->lock);
    cache->counts.renders++;
    if (e != NULL) {
        older = store(cache, e, &made);
        const bool is_worth_it =
            made.ready != NULL ? made.validity.good_until > asked_at : older != NULL;
        finish(cache, e, is_worth_it, &garbage);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    free_all(garbage);
    if (made.ready == NULL)
        return older;
    http_ready_unref(older);
    return made.ready;
}

struct http_ready *cache_take(struct cache *cache, const struct cache_key *key,
                              const struct cache_wanted *wanted, cache_render render, void *job)
{
    struct entry *garbage = NULL;
    struct entry *e = NULL;
    (void)pthread_mutex_lock(&cache->lock);
    cache->counts.requests++;
    struct http_ready *found = find(cache, key, wanted, &e, &garbage);
    (void)pthread_mutex_unlock(&cache->lock);
    free_all(garbage);
    return found != NULL ? found : render_for(cache, e, wanted->now, render, job);
}

/* --- life ------------------------------------------------------------------------------------- */

struct cache *cache_new(size_t max_bytes, size_t routes)
{
    struct cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->fixed = calloc(routes + 1, sizeof(struct entry *));
    if (cache->fixed == NULL) {
        free(cache);
        return NULL;
    }
    cache->max_bytes = max_bytes;
    /* Where this process lies in memory, and when it began. */
    cache->seed = (uint64_t)(uintptr_t)cache ^ (uint64_t)clock_mono() << 20;
    (void)pthread_mutex_init(&cache->lock, NULL); /* can't fail on Linux without attributes */
    (void)pthread_cond_init(&cache->rendered, NULL);
    return cache;
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    struct entry *garbage = NULL;
    while (cache->oldest != NULL)
        drop(cache, cache->oldest, &garbage);
    free_all(garbage);
    (void)pthread_cond_destroy(&cache->rendered);
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache->fixed);
    free(cache);
}

void cache_forget(struct cache *cache)
{
    (void)pthread_mutex_lock(&cache->lock);
    cache->epoch++;
    (void)pthread_mutex_unlock(&cache->lock);
}

void cache_count(struct cache *cache, struct cache_counts *out)
{
    (void)pthread_mutex_lock(&cache->lock);
    *out = cache->counts;
    (void)pthread_mutex_unlock(&cache->lock);
}
