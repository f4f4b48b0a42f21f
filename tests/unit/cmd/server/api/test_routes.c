/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/api/routes.h"
#include "cmd/server/api/shapes.h"
#include "cmd/server/http/http_head.h"
#include "cmd/server/http/router.h"

#include <stdlib.h>
#include <string.h>

static struct route_family families[API_FAMILY_COUNT];
static struct router *router;
static size_t rows;

static int setup(void **state)
{
    (void)state;
    rows = routes_join(families, false);
    router = router_new(families, API_FAMILY_COUNT);
    return router != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    router_free(router);
    return 0;
}

static bool is_sorted(const struct http_parameter *parameters)
{
    for (size_t i = 1; parameters[0].name != NULL && parameters[i].name != NULL; i++) {
        if (strcmp(parameters[i - 1].name, parameters[i].name) >= 0 || i >= HTTP_PARAMETERS_MAX)
            return false;
    }
    return true;
}

static bool is_shape(const char *text)
{
    struct json_write w;
    size_t len;
    jw_grow(&w, 65536);
    const bool is_one = shape_write(&w, NULL, text, api_shapes);
    char *schema = jw_take(&w, &len);
    assert_non_null(schema);
    free(schema);
    return is_one;
}

/* What /api/spec and /api/docs are made of. */
static void check_documentation(const struct route *r)
{
    const bool is_page = strncmp(r->path, "/api/", 5) != 0 && strcmp(r->path, "/metrics") != 0;
    if ((r->summary == NULL && !is_page) || (r->summary != NULL && r->answer == NULL))
        fail_msg("%s %s says nothing of itself (cmd/server/README.md)", r->method, r->path);
    assert_true(r->answer == NULL || strchr(r->answer, '/') != NULL || is_shape(r->answer));
    assert_true(r->takes == NULL || is_shape(r->takes));
    assert_true(r->summary == NULL || (strstr(r->path, "/:") == NULL) == (r->argument == NULL));
    for (const struct http_parameter *p = r->parameters; p != NULL && p->name != NULL; p++)
        assert_non_null(p->help);
}

static void check_row(const struct route *r, size_t number)
{
    struct router_match match;
    const bool is_post = strcmp(r->method, "POST") == 0;
    assert_true(is_post || strcmp(r->method, "GET") == 0);
    assert_int_equal((r->constant != NULL) + (r->handler != NULL) + (r->renderer != NULL) +
                         (r->asker != NULL) + (r->giver != NULL) + r->is_live,
                     1);
    assert_true(!is_post || (r->renderer == NULL && r->constant == NULL));
    assert_true(!r->may_be_older || r->renderer != NULL);
    assert_true(r->parameters == NULL || is_sorted(r->parameters));
    assert_non_null(r->worst_cost);
    assert_true((r->listeners & ROUTE_ON_MAIN) != 0);
    check_documentation(r);
    assert_true(!r->is_probe || r->cache == HTTP_NO_STORE);
    if (strstr(r->path, "/:") != NULL)
        return; /* a pattern is no path */
    assert_int_equal(router_find(router, r->path, ROUTE_ON_MAIN, &match), 0);
    assert_ptr_equal((is_post ? match.post : match.get).route, r);
    assert_int_equal((is_post ? match.post : match.get).number, number);
}

static void test_every_row_is_whole_and_found(void **state)
{
    (void)state;
    size_t number = 0;
    for (size_t f = 0; f < API_FAMILY_COUNT; f++) {
        for (size_t i = 0; i < families[f].count; i++)
            check_row(&families[f].rows[i], number++);
    }
    assert_int_equal(number, rows);
}

static void test_every_named_shape_is_one_and_they_stand_in_order(void **state)
{
    (void)state;
    for (const struct shape_name *s = api_shapes; s->name != NULL; s++) {
        assert_true(is_shape(s->text));
        assert_int_equal(shape_word(s->name), strlen(s->name));
        assert_true(s == api_shapes || strcmp((s - 1)->name, s->name) < 0);
    }
}

static int find(const char *path, unsigned listener)
{
    struct router_match match;
    return router_find(router, path, listener, &match);
}

static void test_the_health_port_serves_probes_and_metrics_only(void **state)
{
    (void)state;
    static const char *const yes[] = {"/api/livez", "/api/readyz", "/api/healthz", "/metrics"};
    static const char *const no[] = {"/", "/api/stats", "/api/packets", "/api/perf/io"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_int_equal(find(yes[i], ROUTE_ON_HEALTH), 0);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_int_equal(find(no[i], ROUTE_ON_HEALTH), 404);
    assert_int_equal(find("/api/healthz/", ROUTE_ON_MAIN), 404);
    assert_int_equal(find("/API/healthz", ROUTE_ON_MAIN), 404);
}

/* A worker is for routes of the main port: nothing that waits may stand beside the probes. */
static void test_no_route_of_the_health_port_waits(void **state)
{
    (void)state;
    for (size_t f = 0; f < API_FAMILY_COUNT; f++) {
        for (size_t i = 0; i < families[f].count; i++) {
            const struct route *route = &families[f].rows[i];
            assert_false(route->waits && (route->listeners & ROUTE_ON_HEALTH) != 0);
        }
    }
}

static void test_heads_carry_what_the_contract_asks(void **state)
{
    (void)state;
    char text[HTTP_HEAD_MAX + 1];
    const struct http_head head = {.status = 503,
                                   .content_type = "application/json",
                                   .content_length = 7,
                                   .cache = HTTP_NO_STORE};
    text[http_head_format(&head, text)] = '\0';
    assert_int_equal(strncmp(text, "HTTP/1.1 503 Service Unavailable\r\n", 34), 0);
    assert_non_null(strstr(text, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(text, "\r\nCache-Control: no-store\r\n"));
    assert_non_null(strstr(text, "\r\nRetry-After: 1\r\n"));
    assert_non_null(strstr(text, "\r\nConnection: close\r\n\r\n"));
}

/* What a page may do stands with the page; data that is opened as one may do nothing. */
static void test_heads_say_what_may_be_done_with_an_answer(void **state)
{
    (void)state;
    char text[HTTP_HEAD_MAX + 1];
    struct http_head head = {
        .status = 200, .content_type = "text/html", .cache = HTTP_PAGE, .lines = "X-One: 1\r\n"};
    text[http_head_format(&head, text)] = '\0';
    static const char *const of_a_page[] = {
        "X-Content-Type-Options: nosniff",
        ("Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'"),
        "X-Frame-Options: DENY",
        "Referrer-Policy: same-origin",
        "Cross-Origin-Opener-Policy: same-origin",
        "Cross-Origin-Resource-Policy: same-origin",
        "X-One: 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(of_a_page); i++)
        assert_non_null(strstr(text, of_a_page[i]));
    head.lines = "Content-Security-Policy: " HTTP_PAGE_POLICY "; img-src 'self'\r\n";
    text[http_head_format(&head, text)] = '\0';
    const char *policy = strstr(text, "Content-Security-Policy: ");
    assert_non_null(strstr(policy, "frame-ancestors 'none'; img-src 'self'\r\n"));
    assert_null(strstr(policy + 1, "Content-Security-Policy: ")); /* two would both hold */
    head = (struct http_head){.status = 200, .content_type = "application/json"};
    text[http_head_format(&head, text)] = '\0';
    assert_non_null(strstr(text, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(
        text, "\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"));
    assert_null(strstr(text, "Referrer-Policy"));
    /* Lines without room are left out, whole. */
    char lines[HTTP_HEAD_MAX + 1];
    memset(lines, 'x', sizeof lines - 1);
    lines[sizeof lines - 1] = '\0';
    head.lines = lines;
    text[http_head_format(&head, text)] = '\0';
    assert_null(strstr(text, "xxx"));
    assert_non_null(strstr(text, "\r\nConnection: close\r\n\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_whole_and_found),
        cmocka_unit_test(test_every_named_shape_is_one_and_they_stand_in_order),
        cmocka_unit_test(test_the_health_port_serves_probes_and_metrics_only),
        cmocka_unit_test(test_no_route_of_the_health_port_waits),
        cmocka_unit_test(test_heads_carry_what_the_contract_asks),
        cmocka_unit_test(test_heads_say_what_may_be_done_with_an_answer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
