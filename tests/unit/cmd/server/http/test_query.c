/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/http/query.h"

#include <stdio.h>

static const struct http_parameter declared[] = {
    {"limit", HTTP_PARAMETER_INT, NULL}, {"since", HTTP_PARAMETER_TIME, NULL}, {0}};

static void parse(struct http_query *query, const char *name, const char *value)
{
    char raw[128];
    (void)snprintf(raw, sizeof raw, "%s=%s", name, value);
    assert_int_equal(http_query_parse(query, declared, raw), 0);
}

static void a_limit_is_read_as_corescope_reads_it(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        size_t limit, offset;
    } cases[] = {{"", 50, 0},          {"0", 50, 0},
                 {"-1", 50, 0},        {"7x", 50, 0},
                 {"7", 7, 7},          {"2000", 2000, 2000},
                 {"2001", 2000, 2001}, {"99999999999999999999999", 2000, 10000}};
    struct http_query query;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        parse(&query, "limit", cases[i].value);
        assert_int_equal(http_query_limit(&query, "limit", 50, 2000), cases[i].limit);
        assert_int_equal(http_query_offset(&query, "limit", 10000), cases[i].offset);
    }
    assert_int_equal(http_query_parse(&query, declared, NULL), 0);
    assert_int_equal(http_query_limit(&query, "limit", 50, 2000), 50);
    assert_int_equal(http_query_offset(&query, "limit", 10000), 0);
}

static void a_time_has_three_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t ms;
    } cases[] = {{"2026-03-29T15:27:30Z", 1774798050000},
                 {"2026-03-29T15:27:30.250Z", 1774798050250},
                 {"2026-03-29T17:27:30%2B02:00", 1774798050000},
                 {"2026-03-29T15:27:30", 1774798050000},
                 {"1774798050", 1774798050000},
                 {"1774798050250", 1774798050250},
                 {"0", 0},
                 {"", 5}};
    static const char *const bad[] = {"yesterday",
                                      "2026-03-29",
                                      "-1",
                                      "2026-02-30T00:00:00Z",
                                      "1774798050x",
                                      "253402300800000",
                                      "99999999999999999999999"};
    struct http_query query;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 5;
        parse(&query, "since", cases[i].value);
        assert_true(http_query_time(&query, "since", &ms));
        assert_int_equal(ms, cases[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ms = 5;
        parse(&query, "since", bad[i]);
        assert_false(http_query_time(&query, "since", &ms));
        assert_int_equal(ms, 5);
    }
    int64_t ms = 5;
    parse(&query, "since", "253402300799999"); /* the last moment of the year 9999 */
    assert_true(http_query_time(&query, "since", &ms));
    assert_int_equal(ms, INT64_C(253402300799999));
    assert_int_equal(http_query_parse(&query, declared, NULL), 0);
    ms = 5;
    assert_true(http_query_time(&query, "since", &ms));
    assert_int_equal(ms, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_is_read_as_corescope_reads_it),
        cmocka_unit_test(a_time_has_three_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
