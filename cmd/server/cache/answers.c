/* SPDX-License-Identifier: MIT */
#include "cmd/server/cache/answers.h"

#include "cmd/server/api/api_health.h"
#include "cmd/server/api/api_metrics.h"
#include "cmd/server/api/api_mqtt.h"
#include "cmd/server/api/api_perf.h"
#include "cmd/server/api/api_stats.h"
#include "cmd/server/http/http_head.h"
#include "cmd/server/state/health.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TTL_US (1 * US_PER_S)

static const answer_render renderers[ANSWER_COUNT] = {
#define X(id, render) [ANSWER_##id] = render,
    ANSWER_LIST(X)
#undef X
};

struct rendered {              /* bytes and who holds them; the text stands behind the struct */
    struct answer_bytes bytes; /* first: its address is the box's */
    unsigned refs;             /* guarded by the slot's lock */
};

struct slot {
    /* guarded by lock */
    pthread_mutex_t lock;
    struct rendered *current;
    mono_us good_until;
    uint64_t generation;
};

struct answers {
    /* constant after init */
    struct stats_cache *stats;
    struct db_poller *db;
    struct io_rates *io;
    /* guarded by rendering */
    pthread_mutex_t rendering;
    struct health_report *health, *health_before;
    /* guarded by each slot's lock */
    struct slot slots[ANSWER_COUNT];
    /* atomic */
    _Atomic bool is_draining;
    _Atomic uint64_t requests, renders; /* relaxed counters */
};

struct answers *answers_new(struct stats_cache *stats, struct db_poller *db, struct io_rates *io)
{
    struct answers *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->stats = stats;
    a->db = db;
    a->io = io;
    a->health = calloc(1, sizeof *a->health);
    a->health_before = calloc(1, sizeof *a->health_before);
    (void)pthread_mutex_init(&a->rendering, NULL); /* can't fail on Linux without attributes */
    for (size_t i = 0; i < ANSWER_COUNT; i++)
        (void)pthread_mutex_init(&a->slots[i].lock, NULL);
    if (a->health == NULL || a->health_before == NULL) {
        answers_free(a);
        return NULL;
    }
    return a;
}

void answers_free(struct answers *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < ANSWER_COUNT; i++) {
        free(a->slots[i].current);
        (void)pthread_mutex_destroy(&a->slots[i].lock);
    }
    (void)pthread_mutex_destroy(&a->rendering);
    free(a->health);
    free(a->health_before);
    free(a);
}

/* --- rendering ---------------------------------------------------------------------------------------- */

static uint64_t generation(const struct answers *a)
{
    return stats_cache_generation(a->stats) + db_poller_generation(a->db) +
           atomic_load(&a->io->generation) + atomic_load(&a->is_draining);
}

/* The body between two headers: `keep` and `close` need no copy per request. */
static struct rendered *compose(int status, const char *body)
{
    char keep_head[HTTP_HEAD_MAX];
    char close_head[HTTP_HEAD_MAX];
    const size_t body_len = strlen(body);
    struct http_head head = {.status = status,
                             .content_type = "application/json",
                             .content_length = body_len,
                             .cache = HTTP_NO_STORE,
                             .keep_alive = true};
    const size_t keep_head_len = http_head_format(&head, keep_head);
    head.keep_alive = false;
    const size_t close_head_len = http_head_format(&head, close_head);
    struct rendered *r = malloc(sizeof *r + keep_head_len + close_head_len + 2 * body_len);
    if (r == NULL)
        return NULL;
    char *keep = (char *)(r + 1);
    char *close = keep + keep_head_len + body_len;
    memcpy(keep, keep_head, keep_head_len);
    memcpy(keep + keep_head_len, body, body_len);
    memcpy(close, close_head, close_head_len);
    memcpy(close + close_head_len, body, body_len);
    r->bytes = (struct answer_bytes){
        keep,           close, keep_head_len + body_len, close_head_len + body_len, keep_head_len,
        close_head_len, status};
    r->refs = 1;
    return r;
}

/* A moment from which the ingestor's sample, or its disk rates, must be called stale. */
static mono_us stale_at(wall_us stamp, const struct answer_input *in)
{
    const double age = stats_stamp_age(stamp, in->wall);
    if (age < 0 || age > STATS_FRESH_SECONDS)
        return INT64_MAX; /* is so already */
    return in->mono + (mono_us)((STATS_FRESH_SECONDS - age) * US_PER_S) + 1;
}

static mono_us good_until(const struct answer_input *in)
{
    mono_us until = in->mono + TTL_US;
    if (in->stats->status == STATUS_OK) {
        const struct stats_snapshot *s = &in->stats->snapshot;
        const mono_us stale[] = {stale_at(s->sampled_at, in), stale_at(s->procio_sampled_at, in)};
        for (size_t i = 0; i < ARRAY_LEN(stale); i++)
            until = stale[i] < until ? stale[i] : until;
    }
    return until;
}

static void judge(struct answers *a, const struct answer_input *in)
{
    struct health_report *before = a->health;
    a->health = a->health_before;
    a->health_before = before;
    const struct health_input input = {in->stats->status, &in->stats->snapshot, &in->db, in->wall,
                                       in->mono};
    health_judge(&input, before, a->health);
}

static void publish(struct slot *slot, struct rendered *fresh, mono_us until, uint64_t made_from)
{
    (void)pthread_mutex_lock(&slot->lock);
    struct rendered *old = slot->current;
    slot->current = fresh;
    slot->good_until = until;
    slot->generation = made_from;
    const bool is_unused = old != NULL && --old->refs == 0;
    (void)pthread_mutex_unlock(&slot->lock);
    if (is_unused)
        free(old);
}

static bool is_good(struct slot *slot, mono_us now, uint64_t wanted)
{
    (void)pthread_mutex_lock(&slot->lock);
    const bool good = slot->current != NULL && now < slot->good_until && slot->generation == wanted;
    (void)pthread_mutex_unlock(&slot->lock);
    return good;
}

static void begin_input(struct answers *a, struct answer_input *in)
{
    in->stats = stats_cache_take(a->stats);
    db_poller_state(a->db, &in->db);
    io_rates_get(a->io, &in->io);
    in->is_draining = atomic_load(&a->is_draining);
    in->wall = clock_wall();
    in->mono = clock_mono();
}

static void render(struct answers *a, enum answer which)
{
    struct slot *slot = &a->slots[which];
    (void)pthread_mutex_lock(&a->rendering);
    /* Read before the inputs: a change in between makes this answer old at once, never new for ever. */
    const uint64_t made_from = generation(a);
    if (!is_good(slot, clock_mono(), made_from)) { /* else another thread was quicker */
        struct answer_input in;
        begin_input(a, &in);
        if (which == ANSWER_HEALTHZ || which == ANSWER_HEALTHZ_STRICT)
            judge(a, &in);
        in.health = a->health;
        int status = 200;
        char *body = renderers[which](&in, &status);
        struct rendered *fresh = body != NULL ? compose(status, body) : NULL;
        const mono_us until = good_until(&in);
        free(body);
        stats_cache_release(a->stats, in.stats);
        atomic_fetch_add_explicit(&a->renders, 1, memory_order_relaxed); /* a counter */
        if (fresh != NULL)
            publish(slot, fresh, until, made_from);
    }
    (void)pthread_mutex_unlock(&a->rendering);
}

static struct rendered *ref_if_good(struct answers *a, struct slot *slot, bool any)
{
    const uint64_t wanted = generation(a);
    const mono_us now = clock_mono();
    struct rendered *found = NULL;
    (void)pthread_mutex_lock(&slot->lock);
    if (slot->current != NULL && (any || (now < slot->good_until && slot->generation == wanted))) {
        found = slot->current;
        found->refs++;
    }
    (void)pthread_mutex_unlock(&slot->lock);
    return found;
}

const struct answer_bytes *answers_take(struct answers *a, enum answer which)
{
    struct slot *slot = &a->slots[which];
    atomic_fetch_add_explicit(&a->requests, 1, memory_order_relaxed); /* a counter */
    struct rendered *found = ref_if_good(a, slot, false);
    if (found == NULL) {
        render(a, which);
        found = ref_if_good(a, slot, true);
    }
    return found != NULL ? &found->bytes : NULL;
}

void answers_release(struct answers *a, enum answer which, const struct answer_bytes *bytes)
{
    struct slot *slot = &a->slots[which];
    /* The bytes are their box's first member; const is for the readers. */
    struct rendered *box = (struct rendered *)(uintptr_t)bytes;
    (void)pthread_mutex_lock(&slot->lock);
    const bool is_last = --box->refs == 0;
    (void)pthread_mutex_unlock(&slot->lock);
    if (is_last)
        free(box);
}

/* --- the rest ----------------------------------------------------------------------------------------- */

void answers_drain(struct answers *a)
{
    atomic_store(&a->is_draining, true);
}

void answers_watch(struct answers *a)
{
    render(a, ANSWER_HEALTHZ);
}

char *answers_metrics(struct answers *a)
{
    struct answer_input in;
    begin_input(a, &in);
    in.health = NULL;
    const struct api_metrics_own own = {
        .requests = atomic_load_explicit(&a->requests, memory_order_relaxed), /* counters */
        .renders = atomic_load_explicit(&a->renders, memory_order_relaxed),
        .parses = stats_cache_parses(a->stats),
        .is_ready = health_not_ready(&in.db, in.mono, in.is_draining) == NULL,
    };
    char *text = api_metrics_render(&in, &own);
    stats_cache_release(a->stats, in.stats);
    return text;
}
