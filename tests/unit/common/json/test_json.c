/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

/* Parsed from a block of exactly len bytes, so that a read beyond it is seen by the sanitizer. */
static cJSON *parse(const char *text, size_t len, int depth)
{
    char *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, text, len);
    cJSON *root = json_parse(copy, len, depth);
    free(copy);
    return root;
}

static bool accepts(const char *text, size_t len, int depth)
{
    cJSON *root = parse(text, len, depth);
    cJSON_Delete(root);
    return root != NULL;
}

#define ACCEPTS(literal) accepts(literal, sizeof(literal) - 1, 8)

static void exactly_one_value_is_accepted(void **state)
{
    (void)state;
    assert_true(ACCEPTS("{}"));
    assert_true(ACCEPTS(" \t\r\n[1,2] \n"));
    assert_true(ACCEPTS("\xef\xbb\xbf{\"a\":1}"));
    assert_true(ACCEPTS("{\"a\":1}\0\n")); /* some publishers send the terminator too */
    assert_true(ACCEPTS("7"));
    assert_false(ACCEPTS(""));
    assert_false(ACCEPTS("   "));
    assert_false(ACCEPTS("{} {}"));
    assert_false(ACCEPTS("{}x"));
    assert_false(ACCEPTS("{\"a\":1"));
    assert_false(ACCEPTS("{\"a\":\"x"));
    assert_false(ACCEPTS("\"\\"));
    assert_false(ACCEPTS("nul"));
    assert_false(ACCEPTS("]["));
}

static void nul_in_a_string_is_refused(void **state)
{
    (void)state;
    assert_false(ACCEPTS("{\"a\":\"x\\u0000y\"}"));
    assert_false(ACCEPTS("{\"a\":\"x\0y\"}"));
    assert_false(ACCEPTS("{\"a\0b\":1}"));
    assert_true(ACCEPTS("{\"a\":\"x\\\\u0000y\"}")); /* an escaped backslash, then letters */
    assert_true(ACCEPTS("{\"a\":\"\\u0001\"}"));
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    assert_true(accepts("[[[]]]", 6, 3));
    assert_false(accepts("[[[]]]", 6, 2));
    assert_true(accepts("[{},{},{},{}]", 13, 2));  /* depth, not count */
    assert_true(accepts("[\"[[[[[[[[\"]", 12, 1)); /* brackets in strings do not count */
    assert_true(accepts("[\"\\\"[[[[\"]", 10, 1));
    char deep[5000];
    memset(deep, '[', sizeof deep);
    assert_false(accepts(deep, sizeof deep, 8));
}

static void lookups_are_case_sensitive_and_typed(void **state)
{
    (void)state;
    static const char text[] =
        "{\"snr\":2,\"SNR\":5.5,\"s\":\"x\",\"n\":null,\"big\":1774798050123,"
        "\"huge\":1e300,\"inf\":1e999,\"neg\":-9223372036854775808,"
        "\"edge\":9223372036854775807}";
    cJSON *root = parse(text, sizeof text - 1, 8);
    assert_non_null(root);
    double real = 0;
    assert_true(json_number(root, "SNR", &real));
    assert_true(real > 5.49 && real < 5.51);
    assert_false(json_number(root, "Snr", &real));
    assert_false(json_number(root, "s", &real));
    assert_false(json_number(root, "n", &real));
    assert_false(json_number(root, "inf", &real));
    assert_string_equal(json_string(root, "s"), "x");
    assert_null(json_string(root, "snr"));
    assert_null(json_string(root, "absent"));
    int64_t integer = 0;
    assert_true(json_int(root, "big", &integer));
    assert_int_equal(integer, 1774798050123);
    assert_true(json_int(root, "SNR", &integer));
    assert_int_equal(integer, 5);
    assert_true(json_int(root, "neg", &integer));
    assert_int_equal(integer, INT64_MIN);
    assert_false(json_int(root, "edge", &integer)); /* as a double it is 2^63 */
    assert_false(json_int(root, "huge", &integer));
    assert_false(json_int(root, "s", &integer));
    cJSON_Delete(root);
}

static void lookups_in_a_non_object_find_nothing(void **state)
{
    (void)state;
    double real = 0;
    int64_t integer = 0;
    assert_null(json_string(NULL, "a"));
    assert_false(json_number(NULL, "a", &real));
    assert_false(json_int(NULL, "a", &integer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_one_value_is_accepted),
        cmocka_unit_test(nul_in_a_string_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(lookups_are_case_sensitive_and_typed),
        cmocka_unit_test(lookups_in_a_non_object_find_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
