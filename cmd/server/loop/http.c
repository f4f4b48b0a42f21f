/* SPDX-License-Identifier: MIT */
#include "cmd/server/loop/http.h"

#include "cmd/server/http/router.h"
#include "cmd/server/loop/http_loop.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORKERS_MIN 4
#define WORKERS_MAX 16
#define WAITING_MAX 60

size_t http_workers(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN); /* -1 = not known */
    const size_t wanted = cores > 0 ? (size_t)cores + 2 : WORKERS_MIN;
    return wanted < WORKERS_MIN ? WORKERS_MIN : min_size(wanted, WORKERS_MAX);
}

static const struct http_limits main_limits = {.name = "weir-http",
                                               .sockets = HTTP_SOCKETS,
                                               .inputs = HTTP_INPUTS,
                                               .head = 3 * US_PER_S,
                                               .body = 3 * US_PER_S,
                                               .idle = HTTP_IDLE_US,
                                               .stall = HTTP_STALL_US,
                                               .linger = HTTP_LINGER_US,
                                               .drain = 3 * US_PER_S};
static const struct http_limits health_limits = {.name = "weir-health",
                                                 .sockets = HTTP_HEALTH_SOCKETS,
                                                 .per_address = HTTP_HEALTH_PER_ADDRESS,
                                                 .inputs = HTTP_INPUTS,
                                                 .head = US_PER_S,
                                                 .body = US_PER_S,
                                                 .idle = HTTP_IDLE_US,
                                                 .stall = HTTP_STALL_US,
                                                 .linger = HTTP_LINGER_US,
                                                 .drain = US_PER_S};

struct http {
    /* constant after init */
    struct http_service service;
    struct router *router;
    struct workers *workers;
    struct http_loop *main, *health;
};

/* How many descriptors the system gives us, raised as far as it goes. */
static size_t descriptor_limit(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return wanted;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = min_u64(limit.rlim_max, wanted);
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? (size_t)limit.rlim_cur : (size_t)before;
}

/* Connections must never take the descriptors that the database, the statistics and the ingestor's
 * socket need: what the system's limit leaves is shared as the wanted numbers are. */
static void share_descriptors(struct http_limits *a, struct http_limits *b)
{
    const size_t wanted = a->sockets + b->sockets;
    const size_t limit = descriptor_limit(wanted + HTTP_OTHER_DESCRIPTORS);
    if (limit >= wanted + HTTP_OTHER_DESCRIPTORS)
        return;
    const size_t left = limit > HTTP_OTHER_DESCRIPTORS ? limit - HTTP_OTHER_DESCRIPTORS : 0;
    a->sockets = max_size(a->sockets * left / wanted, HTTP_SOCKETS_MIN);
    b->sockets = max_size(b->sockets * left / wanted, HTTP_SOCKETS_MIN);
    log_event(LOG_WARN, "http", "fewer connections than wanted: see LimitNOFILE",
              KV(KV_INT("descriptors", limit), KV_INT("connections", a->sockets),
                 KV_INT("onHealthPort", b->sockets), KV_INT("wanted", wanted)));
}

/* listener: ROUTE_ON_MAIN or ROUTE_ON_HEALTH */
static struct http_loop *start_loop(struct http *http, const struct http_place *place,
                                    unsigned listener, const struct http_limits *limits,
                                    struct err *err)
{
    struct http_loop_setup setup = {
        .exchange = {&http->service, http->router, listener, http->service.rules},
        .workers = http->workers,
        .live = listener == ROUTE_ON_MAIN ? http->service.live : NULL,
        .limits = limits};
    if (listener_open(place->host, place->port, &setup.listen_fd, err) != STATUS_OK)
        return NULL;
    return http_loop_start(&setup);
}

/* The probes' port first: whoever can reach the main port can also be told that we are ready. */
static bool start_loops(struct http *http, const struct http_place *main_place,
                        const struct http_place *health_place, struct err *err)
{
    struct http_limits limits[] = {main_limits, health_limits};
    if (health_place == NULL)
        limits[1].sockets = 0;
    share_descriptors(&limits[0], &limits[1]);
    if (http->service.live != NULL) /* who listens gives way to nobody */
        live_bound(http->service.live, limits[0].sockets / 4 * 3);
    if (health_place != NULL)
        http->health = start_loop(http, health_place, ROUTE_ON_HEALTH, &limits[1], err);
    if (health_place != NULL && http->health == NULL)
        return false;
    http->main = start_loop(http, main_place, ROUTE_ON_MAIN, &limits[0], err);
    return http->main != NULL;
}

struct http *http_start(const struct http_service *service, const struct http_place *main_place,
                        const struct http_place *health_place, struct err *err)
{
    IGNORE(err_set(err, STATUS_NO_MEMORY, 0, NULL, "out of memory"), "replaced by a better reason");
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return NULL;
    http->service = *service;
    http->router = router_new(service->families, service->family_count);
    http->workers = workers_start(http_workers(), WAITING_MAX);
    if (http->router != NULL && http->workers != NULL &&
        start_loops(http, main_place, health_place, err))
        return http;
    http_stop(http);
    return NULL;
}

void http_use_rules(struct http *http, struct http_rules *rules)
{
    http_loop_use_rules(http->health, rules);
    http_loop_use_rules(http->main, rules);
}

bool http_turned(struct http *http)
{
    const bool main = http_loop_turned(http->main);
    return http_loop_turned(http->health) && main;
}

/* The probes' port last: it says what becomes of the other. */
void http_stop(struct http *http)
{
    if (http == NULL)
        return;
    http_loop_stop(http->main);
    http_loop_stop(http->health);
    workers_stop(http->workers);
    http_loop_free(http->main);
    http_loop_free(http->health);
    router_free(http->router);
    free(http);
}
