/* SPDX-License-Identifier: MIT */
#include "tests/support/loop_rig.h"

#include "cmd/server/http/export.h"
#include "cmd/server/loop/listener.h"
#include "common/base/crypto.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/http_client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct route rows[] = {
    {.method = "GET", .path = "/a/:text", .cache = HTTP_REVALIDATE, .listeners = ROUTE_ON_MAIN},
    {.method = "POST", .path = "/a/:text", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/large", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/flow/:length", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/slow", .waits = true, .listeners = ROUTE_ON_MAIN},
    {.method = "GET",
     .path = "/live",
     .is_live = true,
     .parameters = live_parameters,
     .listeners = ROUTE_ON_MAIN},
};
static const struct route websocket = {
    .method = "GET", .is_live = true, .parameters = live_parameters, .listeners = ROUTE_ON_MAIN};
static const struct route_family family = {rows, ARRAY_LEN(rows)};

#define FLOW_PIECE 8192

struct flow {
    struct http_export export;
    struct loop_rig *rig;
    int64_t at;
    char piece[FLOW_PIECE];
};

char loop_rig_flow_byte(int64_t at)
{
    return (char)('a' + at / 7 % 26);
}

static void next_of_flow(struct http_export *export, bool is_chunked)
{
    struct flow *flow = (struct flow *)(void *)export;
    const int64_t all = export->length == 0 ? LOOP_RIG_ENDLESS : export->length;
    size_t n = 0;
    assert_false(is_chunked);
    export->has_failed = flow->rig->flow_breaks_at > 0 && flow->at >= flow->rig->flow_breaks_at;
    for (; n < sizeof flow->piece && flow->at < all; n++)
        flow->piece[n] = loop_rig_flow_byte(flow->at++);
    export->bytes = flow->piece;
    export->len = n;
    export->is_last = flow->at == all;
    if (flow->rig->flow_rate > 0)
        export->due = clock_mono() + (mono_us)(n * US_PER_S / flow->rig->flow_rate);
}

static void free_flow(struct http_export *export)
{
    struct flow *flow = (struct flow *)(void *)export;
    atomic_fetch_add(&flow->rig->flows_sent, export->is_sent);
    atomic_fetch_sub(&flow->rig->flows, 1);
    free(flow);
}

static struct http_export *new_flow(struct loop_rig *r, const char *length)
{
    struct flow *flow = calloc(1, sizeof *flow);
    assert_non_null(flow);
    flow->export = (struct http_export){
        .length = strtoll(length, NULL, 10), .next = next_of_flow, .free = free_flow};
    flow->rig = r;
    atomic_fetch_add(&r->flows, 1);
    return &flow->export;
}

/* Its path's text and its body; of /large many bytes. */
static struct http_ready *answer(void *context, const struct http_request *request)
{
    struct loop_rig *r = context;
    struct http_reply reply;
    http_reply_init(&reply, request->route->cache);
    if (request->route->waits) {
        assert_int_equal(pthread_mutex_lock(&r->lock), 0);
        r->running++;
        assert_int_equal(pthread_cond_broadcast(&r->changed), 0);
        while (r->is_held)
            assert_int_equal(pthread_cond_wait(&r->changed, &r->lock), 0);
        r->running--;
        assert_int_equal(pthread_mutex_unlock(&r->lock), 0);
    }
    if (strncmp(request->route->path, "/flow", 5) == 0) {
        reply.export = new_flow(r, request->arguments[0]);
        return http_ready_new(&reply, NULL);
    }
    const bool is_large = strcmp(request->route->path, "/large") == 0;
    const char *text = request->argument_count > 0 ? request->arguments[0] : "-";
    reply.body_len = is_large ? LOOP_RIG_LARGE : strlen(text) + request->body_len;
    reply.body = malloc(reply.body_len + 1);
    assert_non_null(reply.body);
    if (is_large)
        memset(reply.body, 'L', LOOP_RIG_LARGE);
    else
        (void)snprintf(reply.body, reply.body_len + 1, "%s%s", text, request->body);
    return http_ready_new(&reply, NULL);
}

const struct http_limits loop_rig_patient = {.name = "test",
                                             .sockets = 8,
                                             .inputs = 4,
                                             .head = ((mono_us)60 * US_PER_S),
                                             .body = ((mono_us)60 * US_PER_S),
                                             .idle = ((mono_us)60 * US_PER_S),
                                             .stall = ((mono_us)60 * US_PER_S),
                                             .linger = ((mono_us)60 * US_PER_S),
                                             .drain = ((mono_us)60 * US_PER_S)};

void loop_rig_start(struct loop_rig *r, const struct http_limits *limits)
{
    assert_true(crypto_init());
    *r = (struct loop_rig){.router = router_new(&family, 1)};
    assert_non_null(r->live = live_new(LOOP_RIG_LISTENERS, &r->counts));
    r->service = (struct http_service){.families = &family,
                                       .family_count = 1,
                                       .answer = answer,
                                       .context = r,
                                       .counts = &r->counts,
                                       .live = r->live,
                                       .websocket = &websocket};
    assert_int_equal(pthread_mutex_init(&r->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&r->changed, NULL), 0);
    assert_non_null(r->router);
    assert_non_null(r->workers = workers_start(1, 1));
    struct http_loop_setup setup = {.exchange = {&r->service, r->router, ROUTE_ON_MAIN},
                                    .workers = r->workers,
                                    .live = r->live,
                                    .limits = limits};
    struct err err;
    enum status status = STATUS_IO;
    for (int attempt = 0; status != STATUS_OK && attempt < 20; attempt++) {
        assert_int_equal(close(http_client_bind(&r->port)), 0);
        status = listener_open("127.0.0.1", r->port, &setup.listen_fd, &err);
    }
    assert_int_equal(status, STATUS_OK);
    assert_non_null(r->loop = http_loop_start(&setup));
}

void loop_rig_stop(struct loop_rig *r)
{
    http_loop_stop(r->loop);
    workers_stop(r->workers);
    http_loop_free(r->loop);
    live_free(r->live);
    router_free(r->router);
    assert_int_equal(pthread_mutex_destroy(&r->lock), 0);
    assert_int_equal(pthread_cond_destroy(&r->changed), 0);
}

void loop_rig_say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until the server closes. */
size_t loop_rig_read_all(int fd, char *out, size_t cap)
{
    size_t used = 0;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 20000), 1);
        const ssize_t n = recv(fd, out + used, cap - 1 - used, 0);
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    out[used] = '\0';
    return used;
}

bool loop_rig_is_closed(int fd, int patience_ms)
{
    char byte;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, patience_ms) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

int loop_rig_ask(const struct loop_rig *rig, char *text, size_t cap)
{
    return http_client_ask(rig->port, GET("/a/b"), text, cap);
}

void loop_rig_hold(struct loop_rig *r, bool is_held, int running)
{
    assert_int_equal(pthread_mutex_lock(&r->lock), 0);
    r->is_held = is_held;
    assert_int_equal(pthread_cond_broadcast(&r->changed), 0);
    while (r->running < running)
        assert_int_equal(pthread_cond_wait(&r->changed, &r->lock), 0);
    assert_int_equal(pthread_mutex_unlock(&r->lock), 0);
}
