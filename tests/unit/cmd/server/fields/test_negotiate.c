/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/fields/negotiate.h"

#include <string.h>

static void test_who_takes_gzip(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool takes;
    } cases[] = {
        {"", false},
        {"gzip", true},
        {"GZip", true},
        {"x-gzip", true},
        {"gzipped", false},
        {"identity", false},
        {"deflate, gzip;q=1.0, *;q=0.5", true},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip;q=0.001", true},
        {"gzip ; q=0", false},
        {"gzip;Q=1", true},
        {"gzip; q=0.5, identity", false}, /* plain bytes are liked more */
        {"gzip; q=0.5, identity;q=0.5", true},
        {"gzip;q=0.2, identity;q=0.1", true},
        {"*", true},
        {"*;q=0", false},
        {"gzip;q=0, *", false},
        {"br, *;q=0.1", true},
        {"gzip;q=0, gzip", false}, /* the first counts */
        {"gzip;q=2", false},       /* what can't be read is not there */
        {"gzip;q=1.001", false},
        {"gzip;q=0.1234", false},
        {"gzip;q=.5", false},
        {"gzip;q=", false},
        {"gzip;q", false},
        {"gzip;level=9", false},
        {"gzip;q=2, *", true},
        {",, ,gzip,", true},
        {"gzip\tdeflate", false},
        {";q=1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_codings codings = HTTP_CODINGS_NONE;
        http_codings_read(&codings, cases[i].text, strlen(cases[i].text));
        if (http_codings_take_gzip(&codings) != cases[i].takes)
            fail_msg("'%s'", cases[i].text);
    }
}

static void test_lines_are_one_list(void **state)
{
    (void)state;
    struct http_codings codings = HTTP_CODINGS_NONE;
    http_codings_read(&codings, "br", 2);
    assert_false(http_codings_take_gzip(&codings));
    http_codings_read(&codings, "gzip;q=0.3", 10);
    assert_true(http_codings_take_gzip(&codings));
    http_codings_read(&codings, "identity;q=0.4", 14);
    assert_false(http_codings_take_gzip(&codings));
}

static void test_tags_in_a_list(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_listed;
    } cases[] = {
        {"\"ab\"", true},
        {"W/\"ab\"", true},
        {"w/\"ab\"", false},
        {"\"x\",\"ab\"", true},
        {"\"x\" \t, W/\"ab\" ", true},
        {"*", true},
        {"\"x\", *", true},
        {"\"a,b\", \"ab\"", true}, /* a comma may stand in a tag */
        {"\",ab,\"", false},
        {"\"AB\"", false},
        {"\"abc\"", false},
        {"ab", false},
        {"\"ab", false},
        {"W/", false},
        {"W/ab", false},
        {"", false},
        {",", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (http_etag_is_listed(cases[i].text, strlen(cases[i].text), "\"ab\"") !=
            cases[i].is_listed)
            fail_msg("'%s'", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_takes_gzip),
        cmocka_unit_test(test_lines_are_one_list),
        cmocka_unit_test(test_tags_in_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
