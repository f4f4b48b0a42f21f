/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/fields/cors.h"

#include <string.h>

#define MAP "https://map.example.org"

static char map[] = MAP;
static char lan[] = "http://10.0.0.5:8080";
static char star[] = "*";
static char *const listed[] = {map, lan};
static char *const all[] = {map, star};

static const char *lines_for(const struct cors *cors, const char *origin, bool is_preflight)
{
    static char out[CORS_LINES_MAX];
    const struct cors_text text = {origin, origin != NULL ? strlen(origin) : 0};
    cors_write(cors, text, is_preflight, out);
    return out;
}

static void test_only_listed_origins_are_allowed(void **state)
{
    (void)state;
    const struct cors cors = {listed, ARRAY_LEN(listed)};
    static const char *const others[] = {"https://map.example.org.evil.example",
                                         "https://map.example",
                                         "http://map.example.org",
                                         "https://map.example.org:443",
                                         "https://MAP.example.org",
                                         "null",
                                         "*",
                                         ""};
    assert_string_equal(lines_for(&cors, MAP, false),
                        "Vary: Origin\r\nAccess-Control-Allow-Origin: " MAP "\r\n");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_false(cors_allows(&cors, (struct cors_text){others[i], strlen(others[i])}));
        assert_string_equal(lines_for(&cors, others[i], false), "Vary: Origin\r\n");
    }
    assert_string_equal(lines_for(&cors, NULL, false), "Vary: Origin\r\n");
    assert_non_null(strstr(lines_for(&cors, lan, true),
                           "\r\nAccess-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"));
    assert_non_null(strstr(lines_for(&cors, lan, true),
                           "\r\nAccess-Control-Allow-Headers: Content-Type, X-API-Key\r\n"));
}

static void test_a_star_allows_all(void **state)
{
    (void)state;
    const struct cors cors = {all, ARRAY_LEN(all)};
    assert_string_equal(lines_for(&cors, MAP, false), "Access-Control-Allow-Origin: *\r\n");
    assert_string_equal(lines_for(&cors, NULL, false), "Access-Control-Allow-Origin: *\r\n");
    assert_true(cors_allows(&cors, (struct cors_text){"null", 4}));
    assert_false(cors_allows(&cors, (struct cors_text){0}));
}

static bool is_named(char *const *origins, size_t count, const char *origin)
{
    const struct cors cors = {origins, count};
    return cors_names(&cors, (struct cors_text){origin, strlen(origin)});
}

/* Every page may open a WebSocket with its visitor's cookie. */
static void test_a_star_names_nobody(void **state)
{
    (void)state;
    assert_true(is_named(all, ARRAY_LEN(all), MAP));
    assert_false(is_named(all, ARRAY_LEN(all), "https://other.example"));
    assert_false(is_named(all, ARRAY_LEN(all), "null"));
}

static bool is_own(const char *origin, const char *host)
{
    return cors_is_of_host((struct cors_text){origin, strlen(origin)},
                           (struct cors_text){host, strlen(host)});
}

static void test_the_same_host(void **state)
{
    (void)state;
    assert_true(is_own("http://mesh.example:3000", "mesh.example:3000"));
    assert_true(is_own("https://MESH.example:3000", "mesh.example:3000"));
    assert_true(is_own("http://a:80", "a"));
    assert_true(is_own("https://a", "a:443"));
    assert_false(is_own("http://a", "a:443"));
    static const char *const others[] = {"http://mesh.example",
                                         "http://mesh.example:30000",
                                         "http://evil.mesh.example:3000",
                                         "ftp://mesh.example:3000",
                                         "http://",
                                         "null",
                                         ""};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(is_own(others[i], "mesh.example:3000"));
    assert_false(is_own("http://", ""));
}

static void test_no_list_allows_nobody(void **state)
{
    (void)state;
    const struct cors cors = {NULL, 0};
    assert_string_equal(lines_for(&cors, MAP, true), "");
    assert_false(cors_allows(&cors, (struct cors_text){MAP, strlen(MAP)}));
}

static void test_no_origin_is_too_long_for_the_lines(void **state)
{
    (void)state;
    static char longest[CORS_ORIGIN_MAX + 2];
    memset(longest, 'x', CORS_ORIGIN_MAX);
    char *const items[] = {longest};
    const struct cors cors = {items, 1};
    assert_non_null(strstr(lines_for(&cors, longest, true), "Max-Age"));
    longest[CORS_ORIGIN_MAX] = 'x';
    assert_string_equal(lines_for(&cors, longest, true), "Vary: Origin\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_listed_origins_are_allowed),
        cmocka_unit_test(test_a_star_allows_all),
        cmocka_unit_test(test_a_star_names_nobody),
        cmocka_unit_test(test_the_same_host),
        cmocka_unit_test(test_no_list_allows_nobody),
        cmocka_unit_test(test_no_origin_is_too_long_for_the_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
