/* SPDX-License-Identifier: MIT
 *
 * Any bytes as what a client sends on one connection: in one piece or in many they lead to the same
 * requests and the same refusal, everything a handler sees is bounded, and the input never runs
 * full. The first byte says how the rest is cut. */
#include "cmd/server/http/exchange.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUESTS_MAX 64

static const struct http_parameter parameters[] = {{"q", HTTP_PARAMETER_TEXT, NULL}, {0}};
static const struct route rows[] = {
    {.method = "GET", .path = "/", .listeners = ROUTE_ON_MAIN},
    {.method = "GET",
     .path = "/a/:x",
     .parameters = parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN},
    {.method = "POST", .path = "/p", .waits = true, .listeners = ROUTE_ON_MAIN},
};
static const struct route websocket = {
    .method = "GET", .path = "", .is_live = true, .parameters = parameters};
static const struct http_service service = {.websocket = &websocket};
static const struct route_family family = {rows, ARRAY_LEN(rows)};

/* What one way of cutting led to. */
struct outcome {
    size_t requests;
    uint64_t hash; /* of rows, arguments and bodies */
    int refused;
};

static void add(struct outcome *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out->hash = (out->hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
    out->hash = (out->hash ^ len) * UINT64_C(0x100000001b3);
}

static void check_request(const struct http_input *input, struct outcome *out)
{
    const struct http_request *request = &input->request;
    require(request->route == &websocket ||
            (request->route >= rows && request->route < rows + ARRAY_LEN(rows)));
    require(request->body_len <= HTTP_BODY_MAX && request->body[request->body_len] == '\0');
    add(out, request->method, strlen(request->method));
    for (size_t i = 0; i < request->argument_count; i++) {
        require_text(request->arguments[i], HTTP_PATH_MAX);
        add(out, request->arguments[i], strlen(request->arguments[i]));
    }
    add(out, request->query->canonical, request->query->canonical_len);
    add(out, request->body, request->body_len);
}

/* All requests that are whole. False = refused. */
static bool read_all(const struct exchange *x, struct http_input *input, struct outcome *out)
{
    for (;;) {
        struct http_refusal refusal = {0};
        const enum exchange_step step = exchange_read(x, input, &refusal);
        if (step == EXCHANGE_MORE)
            return true;
        if (step == EXCHANGE_REFUSED) {
            require(refusal.status >= 400 && refusal.status < 600 && refusal.why != NULL);
            out->refused = refusal.status;
            return false;
        }
        if (step != EXCHANGE_OPTIONS)
            check_request(input, out);
        out->requests++;
        input_next(input);
    }
}

static struct outcome feed(const struct exchange *x, struct input_pool *pool, const uint8_t *data,
                           size_t size, size_t piece)
{
    struct outcome out = {.hash = 1};
    struct http_input *input = input_take(pool);
    require(input != NULL);
    for (size_t at = 0; at < size && out.refused == 0;) {
        size_t room;
        char *to = input_room(input, &room);
        const size_t n = min_size(min_size(piece, room), size - at);
        require(n > 0);
        memcpy(to, data + at, n);
        input->used += n;
        at += n;
        (void)read_all(x, input, &out);
    }
    input_put(pool, input);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct router *router;
    static struct input_pool *pool;
    if (router == NULL) {
        router = router_new(&family, 1);
        pool = input_pool_new(1);
        require(router != NULL && pool != NULL);
    }
    const struct exchange x = {.service = &service, .router = router, .listener = ROUTE_ON_MAIN};
    if (size == 0)
        return 0;
    const struct outcome whole = feed(&x, pool, data + 1, size - 1, SIZE_MAX);
    const struct outcome cut = feed(&x, pool, data + 1, size - 1, (size_t)data[0] + 1);
    require(whole.requests == cut.requests && whole.hash == cut.hash);
    require(whole.refused == cut.refused);
    return 0;
}
