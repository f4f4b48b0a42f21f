/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/api/routes.h"
#include "cmd/server/http/http_check.h"
#include "cmd/server/http/http_head.h"

#include <string.h>

static void test_every_row_is_whole_and_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        const struct route *r = &routes[i];
        assert_non_null(r->worst_cost);
        assert_true(r->listeners != 0);
        assert_true(r->kind != ROUTE_HANDLER || r->handler != NULL);
        assert_true(r->kind != ROUTE_ASSET || r->asset != NULL);
        if (r->listeners & ROUTE_ON_MAIN)
            assert_ptr_equal(route_find(r->path, ROUTE_ON_MAIN), r);
        if (strncmp(r->path, "/api/", 5) == 0)
            assert_int_equal(r->cache, HTTP_NO_STORE);
    }
}

static void test_the_health_port_serves_probes_and_metrics_only(void **state)
{
    (void)state;
    static const char *const yes[] = {"/api/livez", "/api/readyz", "/api/healthz", "/metrics"};
    static const char *const no[] = {"/", "/api/stats", "/api/packets", "/api/perf/io"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_non_null(route_find(yes[i], ROUTE_ON_HEALTH));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_null(route_find(no[i], ROUTE_ON_HEALTH));
    assert_null(route_find("/api/healthz/", ROUTE_ON_MAIN));
    assert_null(route_find("/API/healthz", ROUTE_ON_MAIN));
}

struct framing_case {
    const char *method;
    struct http_header headers[2];
    size_t count;
    int64_t length;
    int expected;
};

static void test_ambiguous_framing_is_refused(void **state)
{
    (void)state;
    static const struct framing_case cases[] = {
        {"GET", {{"Host", "x"}}, 1, -1, 0},
        {"GET", {{"Content-Length", "0"}}, 1, 0, 0},
        {"GET", {{"Content-Length", "3"}}, 1, 3, 400},
        {"HEAD", {{"Transfer-Encoding", "chunked"}}, 1, -1, 400},
        {"POST", {{"Content-Length", "3"}}, 1, 3, 0},
        {"POST", {{"content-length", "3"}, {"Content-Length", "3"}}, 2, 3, 400},
        {"POST", {{"Content-Length", "3"}, {"Transfer-Encoding", "chunked"}}, 2, 3, 400},
        {"POST", {{"Content-Length", "+3"}}, 1, 3, 400},
        {"POST", {{"Transfer-Encoding", "chunked"}}, 1, -1, 411},
        {"POST", {{"Host", "x"}}, 1, -1, 411},
        {"POST", {{"Content-Length", "101"}}, 1, 101, 413},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct framing_case *c = &cases[i];
        const struct http_framing framing = {c->method, c->headers, c->count, c->length, 100};
        const char *why = NULL;
        assert_int_equal(http_check_framing(&framing, &why), c->expected);
        assert_true((why != NULL) == (c->expected != 0));
    }
}

static void test_queries(void **state)
{
    (void)state;
    assert_true(http_query_is_set("strict=1", "strict"));
    assert_true(http_query_is_set("a=b&strict=true&c", "strict"));
    assert_false(http_query_is_set("strict=0", "strict"));
    assert_false(http_query_is_set("xstrict=1", "strict"));
    assert_false(http_query_is_set("strict", "strict"));
    assert_false(http_query_is_set(NULL, "strict"));
}

static void test_heads_carry_what_the_contract_asks(void **state)
{
    (void)state;
    char text[HTTP_HEAD_MAX + 1];
    const struct http_head head = {
        .status = 503, .content_type = "application/json", .content_length = 7};
    text[http_head_format(&head, text)] = '\0';
    assert_int_equal(strncmp(text, "HTTP/1.1 503 Service Unavailable\r\n", 34), 0);
    assert_non_null(strstr(text, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(text, "\r\nCache-Control: no-store\r\n"));
    assert_non_null(strstr(text, "\r\nRetry-After: 1\r\n"));
    assert_non_null(strstr(text, "\r\nConnection: close\r\n\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_whole_and_found),
        cmocka_unit_test(test_the_health_port_serves_probes_and_metrics_only),
        cmocka_unit_test(test_ambiguous_framing_is_refused),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_heads_carry_what_the_contract_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
