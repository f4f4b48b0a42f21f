/* SPDX-License-Identifier: MIT */
#include "cmd/server/traffic/traffic.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define RELAXED memory_order_relaxed /* figures alone: traffic.h */

struct place {
    /* since the start */
    struct {
        _Atomic uint64_t buckets[TRAFFIC_BUCKETS + 1]; /* each alone */
        _Atomic uint64_t took_us;
    } classes[TRAFFIC_CLASSES];
    /* since the last reset; `count` also says where in the window the next one stands, so that what
     * stood there before a reset is out of it at once */
    _Atomic uint64_t count, took_us, max_us;
    _Atomic uint32_t window_us[TRAFFIC_WINDOW];
};

struct traffic {
    /* constant after init */
    const struct route_family *families;
    size_t family_count;
    size_t rows;
    mono_us started;
    /* atomic: relaxed counters */
    struct place *places; /* rows + 1 */
    /* the second in which it ended, from 1 on, and above it how long it took in microseconds; 0 =
     * empty; and where the next one stands */
    _Atomic uint64_t recent[TRAFFIC_RECENT];
    _Atomic uint64_t recent_count;
    _Atomic uint64_t resets;
    /* guarded by lock */
    pthread_mutex_t lock;
    struct traffic_slow slow[TRAFFIC_SLOW_KEPT];
    uint64_t slow_count;
};

static const double bounds_s[TRAFFIC_BUCKETS] = {TRAFFIC_BUCKET_LIST};

struct traffic *traffic_new(const struct route_family *families, size_t count)
{
    struct traffic *traffic = calloc(1, sizeof *traffic);
    if (traffic == NULL)
        return NULL;
    traffic->families = families;
    traffic->family_count = count;
    for (size_t f = 0; f < count; f++)
        traffic->rows += families[f].count;
    traffic->started = clock_mono();
    traffic->places = calloc(traffic->rows + 1, sizeof *traffic->places);
    (void)pthread_mutex_init(&traffic->lock, NULL); /* can't fail on Linux without attributes */
    if (traffic->places != NULL)
        return traffic;
    traffic_free(traffic);
    return NULL;
}

void traffic_free(struct traffic *traffic)
{
    if (traffic == NULL)
        return;
    (void)pthread_mutex_destroy(&traffic->lock);
    free(traffic->places);
    free(traffic);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void count_class(struct place *place, int status, uint64_t us)
{
    const int class_ = status / 100;
    if (class_ < 1 || class_ > TRAFFIC_CLASSES)
        return;
    size_t bucket = 0;
    while (bucket < TRAFFIC_BUCKETS && (double)us > bounds_s[bucket] * US_PER_S)
        bucket++;
    atomic_fetch_add_explicit(&place->classes[class_ - 1].buckets[bucket], 1, RELAXED);
    atomic_fetch_add_explicit(&place->classes[class_ - 1].took_us, us, RELAXED);
}

static uint64_t second_of(const struct traffic *traffic)
{
    return (uint64_t)((clock_mono() - traffic->started) / US_PER_S) + 1;
}

static void note_recent(struct traffic *traffic, uint64_t us)
{
    const uint64_t at = atomic_fetch_add_explicit(&traffic->recent_count, 1, RELAXED);
    atomic_store_explicit(&traffic->recent[at % TRAFFIC_RECENT],
                          min_u64(us, UINT32_MAX) << 32 | (uint32_t)second_of(traffic), RELAXED);
}

static void keep_slow(struct traffic *traffic, const struct traffic_request *request)
{
    struct traffic_slow slow = {
        .status = request->status, .took = request->took, .at = clock_wall()};
    memcpy(slow.path, request->path, min_size(request->path_len, sizeof slow.path - 1));
    (void)pthread_mutex_lock(&traffic->lock);
    traffic->slow[traffic->slow_count++ % TRAFFIC_SLOW_KEPT] = slow;
    (void)pthread_mutex_unlock(&traffic->lock);
}

void traffic_note(struct traffic *traffic, const struct traffic_request *request)
{
    assert(request->route == NULL || request->number < traffic->rows);
    struct place *place =
        &traffic->places[request->route != NULL ? request->number : traffic->rows];
    const uint64_t us = request->took > 0 ? (uint64_t)request->took : 0;
    count_class(place, request->status, us);
    const uint64_t at = atomic_fetch_add_explicit(&place->count, 1, RELAXED);
    atomic_store_explicit(&place->window_us[at % TRAFFIC_WINDOW], (uint32_t)min_u64(us, UINT32_MAX),
                          RELAXED);
    atomic_fetch_add_explicit(&place->took_us, us, RELAXED);
    uint64_t max = atomic_load_explicit(&place->max_us, RELAXED);
    while (us > max &&
           !atomic_compare_exchange_weak_explicit(&place->max_us, &max, us, RELAXED, RELAXED)) {
        /* the other loop's was noted meanwhile */
    }
    note_recent(traffic, us);
    if (request->took > TRAFFIC_SLOW_US)
        keep_slow(traffic, request);
}

void traffic_reset(struct traffic *traffic)
{
    for (size_t i = 0; i <= traffic->rows; i++) {
        struct place *place = &traffic->places[i];
        atomic_store_explicit(&place->count, 0, RELAXED);
        atomic_store_explicit(&place->took_us, 0, RELAXED);
        atomic_store_explicit(&place->max_us, 0, RELAXED);
    }
    (void)pthread_mutex_lock(&traffic->lock);
    traffic->slow_count = 0;
    (void)pthread_mutex_unlock(&traffic->lock);
    atomic_fetch_add(&traffic->resets, 1);
}

/* --- reading ---------------------------------------------------------------------------------- */

uint64_t traffic_resets(const struct traffic *traffic)
{
    return atomic_load(&traffic->resets);
}

mono_us traffic_uptime(const struct traffic *traffic)
{
    return clock_mono() - traffic->started;
}

size_t traffic_places(const struct traffic *traffic)
{
    return traffic->rows + 1;
}

const struct route *traffic_route(const struct traffic *traffic, size_t place)
{
    for (size_t f = 0; f < traffic->family_count; f++) {
        if (place < traffic->families[f].count)
            return &traffic->families[f].rows[place];
        place -= traffic->families[f].count;
    }
    return NULL;
}

static double ms(uint64_t us)
{
    return (double)us / US_PER_MS;
}

static double mean_ms(uint64_t us, uint64_t count)
{
    return count > 0 ? ms(us) / (double)count : 0;
}

static int compare(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* The smallest of which `percent` of a hundred are not larger. */
static double percentile(const uint32_t *sorted, size_t count, size_t percent)
{
    return count > 0 ? ms(sorted[(count * percent + 99) / 100 - 1]) : 0;
}

void traffic_figures(const struct traffic *traffic, size_t at, struct traffic_figures *out)
{
    const struct place *place = &traffic->places[at];
    uint32_t window[TRAFFIC_WINDOW] = {0};
    out->count = atomic_load_explicit(&place->count, RELAXED);
    out->mean = mean_ms(atomic_load_explicit(&place->took_us, RELAXED), out->count);
    out->max = ms(atomic_load_explicit(&place->max_us, RELAXED));
    const size_t count = (size_t)min_u64(out->count, TRAFFIC_WINDOW);
    for (size_t i = 0; i < count; i++)
        window[i] = atomic_load_explicit(&place->window_us[i], RELAXED);
    qsort(window, count, sizeof window[0], compare);
    out->p50 = percentile(window, count, 50);
    out->p95 = percentile(window, count, 95);
}

void traffic_total(const struct traffic *traffic, struct traffic_figures *out)
{
    uint64_t us = 0;
    *out = (struct traffic_figures){0};
    for (size_t i = 0; i <= traffic->rows; i++) {
        out->count += atomic_load_explicit(&traffic->places[i].count, RELAXED);
        us += atomic_load_explicit(&traffic->places[i].took_us, RELAXED);
    }
    out->mean = mean_ms(us, out->count);
}

void traffic_recent(const struct traffic *traffic, struct traffic_recent *out)
{
    uint32_t took[TRAFFIC_RECENT];
    size_t count = 0;
    const uint64_t now = second_of(traffic);
    for (size_t i = 0; i < TRAFFIC_RECENT; i++) {
        const uint64_t one = atomic_load_explicit(&traffic->recent[i], RELAXED);
        if ((uint32_t)one != 0 && (uint32_t)one + TRAFFIC_RECENT_S > now)
            took[count++] = (uint32_t)(one >> 32);
    }
    *out = (struct traffic_recent){count, (double)NAN, (double)NAN, (double)NAN};
    if (count == 0)
        return;
    qsort(took, count, sizeof took[0], compare);
    out->p50 = percentile(took, count, 50);
    out->p95 = percentile(took, count, 95);
    out->p99 = percentile(took, count, 99);
}

void traffic_classes(const struct traffic *traffic, uint64_t out[static TRAFFIC_CLASSES])
{
    for (size_t c = 0; c < TRAFFIC_CLASSES; c++) {
        out[c] = 0;
        for (size_t i = 0; i <= traffic->rows; i++) {
            for (size_t b = 0; b <= TRAFFIC_BUCKETS; b++)
                out[c] += atomic_load_explicit(&traffic->places[i].classes[c].buckets[b], RELAXED);
        }
    }
}

void traffic_histogram(const struct traffic *traffic, size_t at, size_t class_,
                       struct traffic_histogram *out)
{
    assert(class_ >= 1 && class_ <= TRAFFIC_CLASSES);
    const struct place *place = &traffic->places[at];
    uint64_t count = 0;
    for (size_t i = 0; i <= TRAFFIC_BUCKETS; i++) {
        count += atomic_load_explicit(&place->classes[class_ - 1].buckets[i], RELAXED);
        out->buckets[i] = count;
    }
    out->sum_s =
        (double)atomic_load_explicit(&place->classes[class_ - 1].took_us, RELAXED) / US_PER_S;
}

size_t traffic_slow(struct traffic *traffic, struct traffic_slow out[static TRAFFIC_SLOW_KEPT],
                    uint64_t *out_total)
{
    (void)pthread_mutex_lock(&traffic->lock);
    const uint64_t total = traffic->slow_count;
    const size_t count = (size_t)min_u64(total, TRAFFIC_SLOW_KEPT);
    for (size_t i = 0; i < count; i++)
        out[i] = traffic->slow[(total - 1 - i) % TRAFFIC_SLOW_KEPT];
    (void)pthread_mutex_unlock(&traffic->lock);
    *out_total = total;
    return count;
}
