/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/http/query.h"
#include "cmd/server/http/router.h"
#include "cmd/server/http/unescape.h"

#include <stdio.h>
#include <string.h>

static const struct route first[] = {
    {.method = "GET", .path = "/", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/api/nodes/:key", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/api/nodes/search", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/api/nodes/:key/health", .listeners = ROUTE_ON_MAIN},
};
static const struct route second[] = {
    {.method = "GET", .path = "/api/channels/:hash/messages/:id", .listeners = ROUTE_ON_MAIN},
    {.method = "GET", .path = "/api/packets", .listeners = ROUTE_ON_MAIN},
    {.method = "POST", .path = "/api/packets", .listeners = ROUTE_ON_MAIN | ROUTE_ON_HEALTH},
};
static const struct route_family families[] = {{first, ARRAY_LEN(first)},
                                               {second, ARRAY_LEN(second)}};

static struct router *router;

static int setup(void **state)
{
    (void)state;
    router = router_new(families, ARRAY_LEN(families));
    return router != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    router_free(router);
    return 0;
}

/* --- paths ------------------------------------------------------------------------------------ */

static void test_paths_find_their_rows(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t number;
        const char *arguments; /* joined by a bar */
    } cases[] = {
        {"/", 0, ""},
        {"/api/nodes/ab12", 1, "ab12"},
        {"/api/nodes/search", 2, ""}, /* the literal one goes before the one with a name */
        {"/api/node%73/%73earch", 2, ""},
        {"/api/nodes/searches", 1, "searches"},
        {"/api/nodes/a%20b+c", 1, "a b+c"}, /* a plus is a plus in a path */
        {"/api/nodes/%2e%2e", 1, ".."},
        {"/api/nodes/%25", 1, "%"}, /* decoded once */
        {"/api/nodes/%252F", 1, "%2F"},
        {"/api/nodes/search/health", 3, "search"},
        {"/api/channels/%23test/messages/7", 4, "#test|7"},
        {"/api/channels/%C3%A4%f0%9f%8c%8a/messages/0", 4, "\xc3\xa4\xf0\x9f\x8c\x8a|0"},
        {"/api/packets", 5, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct router_match match;
        char arguments[64] = "";
        assert_int_equal(router_find(router, cases[i].path, ROUTE_ON_MAIN, &match), 0);
        for (size_t k = 0; k < match.argument_count; k++) {
            const size_t used = strlen(arguments);
            (void)snprintf(arguments + used, sizeof arguments - used, "%s%s", k > 0 ? "|" : "",
                           match.arguments[k]);
        }
        assert_int_equal(match.get.number, cases[i].number);
        assert_string_equal(arguments, cases[i].arguments);
    }
}

static void test_what_a_path_may_not_hold(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int status;
    } cases[] = {
        {"/api/nodes/a%2Fb", 400},
        {"/api/nodes/a%2fb", 400},
        {"/api/nodes/%00", 400},
        {"/api/nodes/a%", 400},
        {"/api/nodes/a%4", 400},
        {"/api/nodes/a%zz", 400},
        {"/api/nodes/%ff", 400},
        {"/api/nodes/%c3", 400},
        {"/api/nodes/%c0%af", 400},
        {"/api/nodes/%ed%a0%80", 400},
        {"/nowhere/%00", 400},
        {"", 404},
        {"api/packets", 404},
        {"*", 404},
        {"/api/nodes/", 404},
        {"/api/nodes", 404},
        {"/api/nodes//health", 404},
        {"/api/packets/", 404},
        {"/api", 404},
        {"/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", 404},
    };
    struct router_match match;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (router_find(router, cases[i].path, ROUTE_ON_MAIN, &match) != cases[i].status)
            fail_msg("%s is not refused with %d", cases[i].path, cases[i].status);
    }
    char path[2 * HTTP_PATH_MAX];
    (void)snprintf(path, sizeof path, "/api/nodes/%0*d", HTTP_PATH_MAX - 13, 7);
    assert_int_equal(router_find(router, path, ROUTE_ON_MAIN, &match), 0);
    (void)snprintf(path, sizeof path, "/api/nodes/%0*d", HTTP_PATH_MAX - 11, 7);
    assert_int_equal(router_find(router, path, ROUTE_ON_MAIN, &match), 404);
}

static void test_methods_and_listeners_are_apart(void **state)
{
    (void)state;
    struct router_match match;
    assert_int_equal(router_find(router, "/api/packets", ROUTE_ON_MAIN, &match), 0);
    assert_ptr_equal(match.get.route, &second[1]);
    assert_ptr_equal(match.post.route, &second[2]);
    assert_int_equal(match.post.number, 6);
    assert_int_equal(router_find(router, "/api/packets", ROUTE_ON_HEALTH, &match), 0);
    assert_null(match.get.route);
    assert_ptr_equal(match.post.route, &second[2]);
    assert_int_equal(router_find(router, "/", ROUTE_ON_HEALTH, &match), 404);
}

/* What no other row means, but nothing below what they stand in. */
static void test_the_rest_is_what_no_other_row_means(void **state)
{
    (void)state;
    static const struct route rest[] = {
        {.method = "GET", .path = ROUTE_REST, .listeners = ROUTE_ON_MAIN},
        {.method = "GET", .path = "/metrics", .listeners = ROUTE_ON_MAIN | ROUTE_ON_HEALTH},
    };
    const struct route_family joined[] = {
        {first + 1, ARRAY_LEN(first) - 1}, {second, ARRAY_LEN(second)}, {rest, ARRAY_LEN(rest)}};
    static const struct {
        const char *path, *argument; /* NULL = not found */
    } cases[] = {
        {"/", ""},
        {"/a", "a"},
        {"/a/", "a/"},
        {"/a%20b/c.js", "a b/c.js"},
        {"//a", "/a"},
        {"/apis/x", "apis/x"},
        {"/%2e%2e/x", "../x"},
        {"/metrics/", "metrics/"},
        {"/API/x", "API/x"},
        {"/api", NULL},
        {"/api/", NULL},
        {"/api/nope", NULL},
        {"/%61pi/nope", NULL},
    };
    struct router *all = router_new(joined, ARRAY_LEN(joined));
    assert_non_null(all);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct router_match match;
        const int refused = router_find(all, cases[i].path, ROUTE_ON_MAIN, &match);
        assert_int_equal(refused, cases[i].argument == NULL ? 404 : 0);
        assert_int_equal(router_find(all, cases[i].path, ROUTE_ON_HEALTH, &match), 404);
        if (cases[i].argument == NULL)
            continue;
        assert_int_equal(router_find(all, cases[i].path, ROUTE_ON_MAIN, &match), 0);
        assert_ptr_equal(match.get.route, &rest[0]);
        assert_null(match.post.route);
        assert_int_equal(match.get.number, ARRAY_LEN(first) - 1 + ARRAY_LEN(second));
        assert_int_equal(match.argument_count, 1);
        assert_string_equal(match.arguments[0], cases[i].argument);
    }
    struct router_match match;
    assert_int_equal(router_find(all, "/metrics", ROUTE_ON_HEALTH, &match), 0);
    assert_ptr_equal(match.get.route, &rest[1]);
    assert_int_equal(match.get.number, ARRAY_LEN(first) - 1 + ARRAY_LEN(second) + 1);
    assert_int_equal(router_find(all, "/a%2Fb", ROUTE_ON_MAIN, &match), 400);
    assert_int_equal(router_find(all, "/%00", ROUTE_ON_MAIN, &match), 400);
    router_free(all);
}

/* --- queries ---------------------------------------------------------------------------------- */

static const struct http_parameter declared[] = {{"hash", HTTP_PARAMETER_TEXT, NULL},
                                                 {"limit", HTTP_PARAMETER_TEXT, NULL},
                                                 {"strict", HTTP_PARAMETER_FLAG, NULL},
                                                 {0}};

static void test_queries_of_one_meaning_have_one_text(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *canonical;
    } cases[] = {
        {NULL, ""},
        {"", ""},
        {"&&", ""},
        {"other=1&x", ""},
        {"limit=5&hash=ab", "hash=ab&limit=5"},
        {"hash=%61b&x=%zz&limit=5", "hash=ab&limit=5"},
        {"h%61sh=ab&limit=5&", "hash=ab&limit=5"},
        {"limit=5&limit=6", "limit=5"},
        {"hash=", "hash="},
        {"hash", "hash="},
        {"hash=a+b", "hash=a b"},
        {"hash=a%2Bb", "hash=a%2Bb"},
        {"hash=a%26limit=5", "hash=a%26limit=5"}, /* not the text of hash and limit */
        {"hash=a%2526", "hash=a%2526"},
        {"strict=1", "strict=1"},
        {"strict=true", "strict=1"},
        {"strict=0&strict=1", "strict=1"},
        {"strict=0", ""},
        {"strict=", ""},
        {"strict", ""},
        {"xstrict=1", ""},
        {"Strict=1", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_query query;
        assert_int_equal(http_query_parse(&query, declared, cases[i].raw), 0);
        query.canonical[query.canonical_len] = '\0';
        assert_string_equal(query.canonical, cases[i].canonical);
    }
}

static void test_values_of_a_query(void **state)
{
    (void)state;
    struct http_query query;
    assert_int_equal(http_query_parse(&query, declared, "strict=1&hash=%23a&limit="), 0);
    assert_string_equal(http_query_text(&query, "hash"), "#a");
    assert_string_equal(http_query_text(&query, "limit"), "");
    assert_true(http_query_is_set(&query, "strict"));
    assert_null(http_query_text(&query, "other"));
    assert_int_equal(http_query_parse(&query, declared, "strict=2"), 0);
    assert_false(http_query_is_set(&query, "strict"));
    assert_int_equal(http_query_parse(&query, NULL, "strict=1&%00"),
                     0); /* a route without parameters */
    assert_false(http_query_is_set(&query, "strict"));
    assert_int_equal(query.canonical_len, 0);
}

static void test_what_a_query_may_not_hold(void **state)
{
    (void)state;
    struct http_query query;
    static const char *const bad[] = {"hash=%00", "hash=%", "hash=%f", "hash=%ff",
                                      "limit=1&hash=%c3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(http_query_parse(&query, declared, bad[i]), 400);
    char raw[2 * HTTP_QUERY_MAX];
    (void)snprintf(raw, sizeof raw, "hash=%0*d", HTTP_QUERY_MAX - 10, 7);
    assert_int_equal(http_query_parse(&query, declared, raw), 0);
    (void)snprintf(raw, sizeof raw, "limit=&hash=%0*d&limit=", HTTP_QUERY_MAX - 1, 7);
    assert_int_equal(http_query_parse(&query, declared, raw), 400);
    (void)snprintf(raw, sizeof raw, "hash=%0*d&limit=&strict=", HTTP_QUERY_MAX - 1, 7);
    assert_int_equal(http_query_parse(&query, declared, raw),
                     400); /* the buffer is full to the brim */
}

static void test_unescape_stays_in_its_buffer(void **state)
{
    (void)state;
    char out[4] = "xyz";
    assert_int_equal(unescape(UNESCAPE_VALUE, "", 0, out, 0), -1);
    assert_string_equal(out, "xyz");
    assert_int_equal(unescape(UNESCAPE_VALUE, "abc", 3, out, 4), 3);
    assert_int_equal(unescape(UNESCAPE_VALUE, "abcd", 4, out, 4), -1);
    assert_int_equal(unescape(UNESCAPE_VALUE, "%41%4", 5, out, 4), -1);
    assert_int_equal(unescape(UNESCAPE_VALUE, "%41", 3, out, 4), 1);
    assert_string_equal(out, "A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_find_their_rows),
        cmocka_unit_test(test_what_a_path_may_not_hold),
        cmocka_unit_test(test_methods_and_listeners_are_apart),
        cmocka_unit_test(test_the_rest_is_what_no_other_row_means),
        cmocka_unit_test(test_queries_of_one_meaning_have_one_text),
        cmocka_unit_test(test_values_of_a_query),
        cmocka_unit_test(test_what_a_query_may_not_hold),
        cmocka_unit_test(test_unescape_stays_in_its_buffer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
