/* SPDX-License-Identifier: MIT
 *
 * One request at a time, without a socket: what it leads to, and what a handler would see. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/http/exchange.h"

#include <stdlib.h>
#include <string.h>

#define HOST        "Host: x\r\n"
#define UPGRADE     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define EIGHT_LINES "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"

static const struct http_parameter parameters[] = {{"q", HTTP_PARAMETER_TEXT, NULL}, {0}};
static const struct route rows[] = {
    {.method = "GET", .path = "/", .listeners = ROUTE_ON_MAIN},
    {.method = "GET",
     .path = "/a/:x",
     .parameters = parameters,
     .cache = HTTP_REVALIDATE,
     .listeners = ROUTE_ON_MAIN},
    {.method = "POST", .path = "/a/:x", .waits = true, .listeners = ROUTE_ON_MAIN},
    {.method = "GET",
     .path = "/probe",
     .is_probe = true,
     .listeners = ROUTE_ON_MAIN | ROUTE_ON_HEALTH},
};
static const struct route websocket = {.method = "GET", .path = "", .is_live = true};
static const struct http_service service = {.websocket = &websocket};
static const struct route_family family = {rows, ARRAY_LEN(rows)};

struct rig {
    struct router *router;
    struct input_pool *pool;
    struct http_input *input;
    struct exchange exchange;
    struct http_refusal refusal;
};

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    assert_non_null(r->router = router_new(&family, 1));
    assert_non_null(r->pool = input_pool_new(1));
    assert_non_null(r->input = input_take(r->pool));
    r->exchange =
        (struct exchange){.service = &service, .router = r->router, .listener = ROUTE_ON_MAIN};
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    input_pool_free(r->pool);
    router_free(r->router);
    free(r);
    return 0;
}

static enum exchange_step feed(struct rig *r, const char *text)
{
    size_t room;
    char *to = input_room(r->input, &room);
    assert_true(strlen(text) <= room);
    memcpy(to, text, strlen(text));
    r->input->used += strlen(text);
    r->refusal = (struct http_refusal){0};
    return exchange_read(&r->exchange, r->input, &r->refusal);
}

static void forget(struct rig *r)
{
    input_put(r->pool, r->input);
    assert_non_null(r->input = input_take(r->pool));
}

static void test_what_a_request_leads_to(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *text;
        enum exchange_step step;
        int status;
        const char *allow;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" HOST, EXCHANGE_MORE, 0, NULL},
        {"\r\n\r\n", EXCHANGE_MORE, 0, NULL},
        {EIGHT_LINES, EXCHANGE_MORE, 0, NULL},
        {EIGHT_LINES "GET / HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_NOW, 0, NULL},
        {EIGHT_LINES "\r\n", EXCHANGE_REFUSED, 400, NULL},
        {EIGHT_LINES "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_REFUSED, 400, NULL},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_NOW, 0, NULL},
        {"HEAD http://x HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_NOW, 0, NULL},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", EXCHANGE_NOW, 0, NULL},
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", EXCHANGE_REFUSED, 400, NULL},
        {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", EXCHANGE_REFUSED, 400,
         NULL},
        {"GET / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", EXCHANGE_REFUSED, 417, NULL},
        {"GET /%00 HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_REFUSED, 400, NULL},
        {"GET /a/b?q=%00 HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_REFUSED, 400, NULL},
        {"GET /none HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_REFUSED, 404, NULL},
        {"GET /%2e%2e/etc HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_REFUSED, 404, NULL},
        {"get / HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_REFUSED, 405, "GET, HEAD, OPTIONS"},
        {"BREW /a/b HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_REFUSED, 405, "GET, HEAD, POST, OPTIONS"},
        {"OPTIONS /a/b HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_OPTIONS, 0, "GET, HEAD, POST, OPTIONS"},
        {"OPTIONS * HTTP/1.0\r\n\r\n", EXCHANGE_OPTIONS, 0, "GET, HEAD, POST, OPTIONS"},
        {"OPTIONS /probe HTTP/1.0\r\n\r\n", EXCHANGE_NOW, 0, NULL},
        {"GET /none HTTP/1.1\r\n" HOST UPGRADE "\r\n", EXCHANGE_LIVE, 0, NULL},
        {"GET / HTTP/1.1\r\n" HOST
         "Upgrade: h2c, WebSocket\r\nConnection: keep-alive, upgrade\r\n\r\n",
         EXCHANGE_LIVE, 0, NULL},
        /* no wish that counts */
        {"GET / HTTP/1.0\r\n" UPGRADE "\r\n", EXCHANGE_NOW, 0, NULL},
        {"HEAD / HTTP/1.1\r\n" HOST UPGRADE "\r\n", EXCHANGE_NOW, 0, NULL},
        {"GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n\r\n", EXCHANGE_NOW, 0, NULL},
        {"GET / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", EXCHANGE_NOW, 0,
         NULL},
        {"POST /a/b HTTP/1.1\r\n" HOST "\r\n", EXCHANGE_REFUSED, 411, NULL},
        {"POST /a/b HTTP/1.1\r\n" HOST "Content-Length: 8193\r\n\r\n", EXCHANGE_REFUSED, 413, NULL},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n", EXCHANGE_REFUSED, 405,
         "GET, HEAD, OPTIONS"}, /* before its body */
        {"POST /a/b HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n", EXCHANGE_MORE, 0, NULL},
        {"POST /a/b HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", EXCHANGE_WAITS, 0, NULL},
        {"POST /a/b HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2001\r\n",
         EXCHANGE_REFUSED, 413, NULL},
        {"POST /a/b HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx", EXCHANGE_REFUSED, 400,
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const enum exchange_step step = feed(r, cases[i].text);
        if (step != cases[i].step || r->refusal.status != cases[i].status)
            fail_msg("%s -> %d, %d", cases[i].text, step, r->refusal.status);
        if (cases[i].allow != NULL)
            assert_string_equal(r->refusal.allow, cases[i].allow);
        forget(r);
    }
}

static void test_other_listeners_have_other_methods(void **state)
{
    struct rig *r = *state;
    r->exchange.listener = ROUTE_ON_HEALTH;
    assert_int_equal(feed(r, "OPTIONS * HTTP/1.0\r\n\r\n"), EXCHANGE_OPTIONS);
    assert_string_equal(r->refusal.allow, "GET, HEAD, OPTIONS");
    input_next(r->input);
    assert_int_equal(feed(r, "GET / HTTP/1.0\r\n\r\n"), EXCHANGE_REFUSED);
    assert_int_equal(r->refusal.status, 404);
}

static void test_what_a_handler_sees(void **state)
{
    struct rig *r = *state;
    static const char text[] =
        "\r\nPOST /a/%23b?q=%41&x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
        "GET /a/c?q=2 HTTP/1.1\r\n" HOST "If-None-Match:  \"t\" \r\n\r\nHEAD / HTTP/1.0\r\n\r\n";
    assert_int_equal(feed(r, text), EXCHANGE_WAITS);
    const struct http_request *request = &r->input->request;
    assert_ptr_equal(request->route, &rows[2]);
    assert_int_equal(request->route_number, 2);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->arguments[0], "#b");
    assert_string_equal(request->body, "abcd");
    assert_int_equal(request->body_len, 4);
    input_next(r->input);
    assert_int_equal(feed(r, ""), EXCHANGE_NOW);
    assert_string_equal(request->method, "GET");
    assert_string_equal(request->arguments[0], "c");
    assert_string_equal(http_query_text(request->query, "q"), "2");
    assert_string_equal(request->body, "");
    assert_false(exchange_is_head(r->input));
    assert_true(exchange_keeps_alive(r->input));
    input_next(r->input);
    assert_int_equal(feed(r, ""), EXCHANGE_NOW);
    assert_string_equal(request->method, "GET");
    assert_true(exchange_is_head(r->input));
    assert_false(exchange_keeps_alive(r->input));
    input_next(r->input);
    assert_int_equal(r->input->used, 0);
}

static void test_the_largest_request(void **state)
{
    struct rig *r = *state;
    char head[HTTP_PARSE_HEAD_MAX + 1] =
        "POST /a/b HTTP/1.1\r\n" HOST "Content-Length: 8192\r\nX: ";
    const size_t used = strlen(head);
    memset(head + used, 'x', sizeof head - used);
    strcpy(head + sizeof head - 5, "\r\n\r\n");
    assert_int_equal(strlen(head), HTTP_PARSE_HEAD_MAX);
    assert_int_equal(feed(r, head), EXCHANGE_MORE);
    char body[HTTP_BODY_MAX + 1];
    memset(body, 'b', HTTP_BODY_MAX);
    body[HTTP_BODY_MAX] = '\0';
    assert_int_equal(feed(r, body), EXCHANGE_WAITS);
    assert_string_equal(r->input->request.body, body);
    forget(r);
    static const char more[] = "GET /";
    char line[HTTP_PARSE_HEAD_MAX + 2];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    memcpy(line, more, sizeof more - 1);
    assert_int_equal(feed(r, line), EXCHANGE_REFUSED);
    assert_int_equal(r->refusal.status, 414);
    forget(r);
    memcpy(head + HTTP_PARSE_HEAD_MAX - 4, "xxxx", 4);
    assert_int_equal(feed(r, head), EXCHANGE_MORE);
    assert_int_equal(feed(r, "x"), EXCHANGE_REFUSED);
    assert_int_equal(r->refusal.status, 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_a_request_leads_to, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_listeners_have_other_methods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_a_handler_sees, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_largest_request, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
