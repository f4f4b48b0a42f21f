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
        cmocka_unit_test(test_no_list_allows_nobody),
        cmocka_unit_test(test_no_origin_is_too_long_for_the_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
