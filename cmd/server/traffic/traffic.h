/* SPDX-License-Identifier: MIT
 *
 * traffic - what was asked, by row of the route table: how often, with which class of status, how
 * long it took; and the last slow requests.
 *
 * A request takes from when it is whole until its answer is: the wait for a worker counts, the
 * client's reading does not.
 * Two sets of figures: what Prometheus reads only grows; what /api/perf reads begins anew with
 * traffic_reset. There count, mean and maximum are of all requests since then, the percentiles of
 * the last TRAFFIC_WINDOW.
 * What is asked of the whole in the last minute knows neither rows nor resets: the newest
 * TRAFFIC_RECENT requests of it.
 * I1. A place for each row and one more, for requests that met no row: clients can't make one.
 * I2. A histogram's count is the sum of its buckets, whenever it is read.
 * Threads: note by the loops' threads, the rest by any. Figures are relaxed atomics: none says
 * anything about another, and a request that ends during a reset may be counted in part. Lock:
 * one, a leaf, around the slow ones. Cost: note takes no lock but for a slow request; 1.1 KiB
 * a place. */
#pragma once

#include "cmd/server/http/route.h"
#include "common/base/clock.h"

#define TRAFFIC_WINDOW      128
#define TRAFFIC_RECENT      1024
#define TRAFFIC_RECENT_S    60
#define TRAFFIC_SLOW_US     (100 * US_PER_MS) /* a request that takes longer is slow */
#define TRAFFIC_SLOW_KEPT   50
#define TRAFFIC_PATH_MAX    160
#define TRAFFIC_CLASSES     5 /* 1xx to 5xx */
#define TRAFFIC_BUCKETS     11
#define TRAFFIC_BUCKET_LIST 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5

struct traffic;

/* One that was answered or refused; everything in it is borrowed for the call. */
struct traffic_request {
    const struct route *route; /* NULL = it met no row */
    size_t number;             /* the row's place in the joined table */
    const char *method, *path; /* as they came, the path without its query */
    size_t method_len, path_len;
    const struct http_query *query; /* NULL = none was read */
    int status;
    uint64_t bytes; /* of the body that is sent */
    mono_us took;
};

/* families are borrowed until traffic_free. NULL = no memory. */
NODISCARD struct traffic *traffic_new(const struct route_family *families, size_t count);
void traffic_free(struct traffic *traffic); /* accepts NULL */

void traffic_note(struct traffic *traffic, const struct traffic_request *request);
void traffic_reset(struct traffic *traffic);
/* Grows with each reset. */
uint64_t traffic_resets(const struct traffic *traffic);
mono_us traffic_uptime(const struct traffic *traffic);

size_t traffic_places(const struct traffic *traffic);
/* NULL = the place of those that met no row: the last. */
const struct route *traffic_route(const struct traffic *traffic, size_t place);

/* In milliseconds; all 0 when nothing was asked. */
struct traffic_figures {
    uint64_t count;
    double mean, p50, p95, max;
};
void traffic_figures(const struct traffic *traffic, size_t place, struct traffic_figures *out);
/* Of all places: count and mean alone. */
void traffic_total(const struct traffic *traffic, struct traffic_figures *out);

/* Of the last minute, in milliseconds; NaN when nothing was asked. */
struct traffic_recent {
    uint64_t count; /* at most TRAFFIC_RECENT */
    double p50, p95, p99;
};
void traffic_recent(const struct traffic *traffic, struct traffic_recent *out);
/* How many ended so since the start: out[0] of 1xx to out[4] of 5xx. */
void traffic_classes(const struct traffic *traffic, uint64_t out[static TRAFFIC_CLASSES]);

/* buckets[i]: at most as many seconds as the list's i-th bound; the last holds all. */
struct traffic_histogram {
    uint64_t buckets[TRAFFIC_BUCKETS + 1];
    double sum_s;
};
/* class: 1..TRAFFIC_CLASSES */
void traffic_histogram(const struct traffic *traffic, size_t place, size_t class_,
                       struct traffic_histogram *out);

struct traffic_slow {
    char path[TRAFFIC_PATH_MAX];
    int status;
    mono_us took;
    wall_us at;
};
/* The newest first; how many there are. *out_total: since the reset. */
size_t traffic_slow(struct traffic *traffic, struct traffic_slow out[static TRAFFIC_SLOW_KEPT],
                    uint64_t *out_total);
