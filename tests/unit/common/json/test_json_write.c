/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/json/json_write.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void write_all(struct json_write *w)
{
    jw_object(w, NULL);
    jw_string(w, "s", "a\"b\\c\n\x01\x7f");
    jw_text(w, "bad", "\xc3(\xe2\x82\xac", 5);
    jw_bool(w, "t", true);
    jw_bool(w, "f", false);
    jw_null(w, "n");
    jw_array(w, "list");
    jw_uint(w, NULL, 0);
    jw_uint(w, NULL, UINT64_MAX);
    jw_int(w, NULL, INT64_MIN);
    jw_object(w, NULL);
    jw_object_end(w);
    jw_array(w, NULL);
    jw_array_end(w);
    jw_array_end(w);
    jw_hex_lower(w, "low", (const uint8_t *)"\xab\x01", 2);
    jw_hex_upper(w, "up", (const uint8_t *)"\xab\x01", 2);
    jw_hex_upper(w, "none", (const uint8_t *)"", 0);
    jw_object_end(w);
}

static const char all[] =
    "{\"s\":\"a\\\"b\\\\c\\n\\u0001\x7f\",\"bad\":\"\xef\xbf\xbd(\xe2\x82\xac\",\"t\":true,"
    "\"f\":false,\"n\":null,\"list\":[0,18446744073709551615,-9223372036854775808,{},[]],"
    "\"low\":\"ab01\",\"up\":\"AB01\",\"none\":\"\"}";

static void writes_every_kind_of_value(void **state)
{
    (void)state;
    char out[512];
    struct json_write w;
    jw_init(&w, out, sizeof out);
    write_all(&w);
    assert_int_equal(jw_finish(&w), sizeof all - 1);
    assert_string_equal(out, all);
}

/* In a block of its size, so that a sanitizer sees a byte behind its end. */
static void a_text_is_whole_or_empty(void **state)
{
    (void)state;
    for (size_t cap = 1; cap <= sizeof all; cap++) {
        char *out = malloc(cap);
        struct json_write w;
        assert_non_null(out);
        jw_init(&w, out, cap);
        write_all(&w);
        assert_int_equal(jw_finish(&w), cap == sizeof all ? sizeof all - 1 : 0);
        assert_string_equal(out, cap == sizeof all ? all : "");
        free(out);
    }
}

static void decimals_are_exact(void **state)
{
    (void)state;
    const struct {
        int64_t value;
        unsigned places;
        const char *text;
    } cases[] = {
        {0, 6, "0"},        {1200, 2, "12"},      {-525, 2, "-5.25"},
        {-25, 2, "-0.25"},  {-3200, 2, "-32"},    {37658604, 6, "37.658604"},
        {100, 6, "0.0001"}, {-1, 6, "-0.000001"}, {-122058550, 6, "-122.05855"},
        {7, 0, "7"},        {10, 0, "10"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[32];
        struct json_write w;
        jw_init(&w, out, sizeof out);
        jw_decimal(&w, NULL, cases[i].value, cases[i].places);
        assert_int_equal(jw_finish(&w), strlen(cases[i].text));
        assert_string_equal(out, cases[i].text);
    }
}

static void a_growing_text_is_whole_or_none(void **state)
{
    (void)state;
    for (size_t max = 1; max <= sizeof all; max++) {
        struct json_write w;
        size_t len = 0;
        jw_grow(&w, max);
        write_all(&w);
        char *text = jw_take(&w, &len);
        if (max < sizeof all) {
            assert_null(text);
            continue;
        }
        assert_int_equal(len, sizeof all - 1);
        assert_string_equal(text, all);
        free(text);
    }
}

static void a_text_of_any_length_grows(void **state)
{
    (void)state;
    struct json_write w;
    size_t len = 0;
    jw_grow(&w, 1 << 20);
    jw_array(&w, NULL);
    for (int i = 0; i < 10000; i++)
        jw_string(&w, NULL, "0123456789");
    jw_array_end(&w);
    char *text = jw_take(&w, &len);
    assert_non_null(text);
    assert_int_equal(len, 10000 * 13 + 1);
    assert_int_equal(strlen(text), len);
    free(text);
}

static void what_is_taken_has_no_room_to_spare(void **state)
{
    (void)state;
    struct json_write w;
    size_t len = 0;
    jw_grow(&w, 1 << 20);
    jw_string(&w, NULL, "short");
    char *text = jw_take(&w, &len);
    assert_string_equal(text, "\"short\"");
    assert_in_range(malloc_usable_size(text), len + 1, 64);
    free(text);
}

static void what_is_unknown_is_left_out(void **state)
{
    (void)state;
    char out[256];
    struct json_write w;
    jw_init(&w, out, sizeof out);
    jw_object(&w, NULL);
    jw_known_int(&w, "a", JW_UNKNOWN);
    jw_known_uint(&w, "b", JW_UNKNOWN_COUNT);
    jw_known_real(&w, "c", (double)NAN);
    jw_known_int(&w, "d", -1);
    jw_known_uint(&w, "e", 0);
    jw_known_real(&w, "f", 0.1);
    jw_real(&w, "g", (double)INFINITY);
    jw_string_or_null(&w, "h", "");
    jw_string_or_null(&w, "i", "x");
    jw_time(&w, "j", JW_UNKNOWN);
    jw_time(&w, "k", INT64_C(1774798050) * US_PER_S);
    jw_time(&w, "l", INT64_C(1774798050) * US_PER_S + 250000);
    jw_object_end(&w);
    assert_true(jw_finish(&w) > 0);
    assert_string_equal(out,
                        "{\"d\":-1,\"e\":0,\"f\":0.1,\"g\":null,\"h\":null,\"i\":\"x\",\"j\":\"\","
                        "\"k\":\"2026-03-29T15:27:30Z\",\"l\":\"2026-03-29T15:27:30.250Z\"}");
}

static void a_key_may_be_data(void **state)
{
    (void)state;
    char out[128];
    struct json_write w;
    jw_init(&w, out, sizeof out);
    jw_object(&w, NULL);
    jw_key(&w, "a\"b");
    jw_object(&w, NULL);
    jw_object_end(&w);
    jw_key(&w, "\xff:");
    jw_int(&w, NULL, 1);
    jw_string(&w, "c", "d:");
    jw_int(&w, "e", 2);
    jw_object_end(&w);
    assert_true(jw_finish(&w) > 0);
    assert_string_equal(out, "{\"a\\\"b\":{},\"\xef\xbf\xbd:\":1,\"c\":\"d:\",\"e\":2}");
}

static void a_real_reads_back_as_it_was(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"}, {12.5, "12.5"}, {0.1, "0.1"}, {1e21, "1e+21"}, {1.0 / 3, "0.33333333333333331"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[40];
        struct json_write w;
        jw_init(&w, out, sizeof out);
        jw_real(&w, NULL, cases[i].value);
        assert_int_equal(jw_finish(&w), strlen(cases[i].text));
        assert_string_equal(out, cases[i].text);
    }
}

static void a_rounded_number_has_so_many_digits(void **state)
{
    (void)state;
    char out[128];
    struct json_write w;
    jw_init(&w, out, sizeof out);
    jw_array(&w, NULL);
    jw_rounded(&w, NULL, 1.0 / 3, 2);
    jw_rounded(&w, NULL, -0.125, 2);
    jw_rounded(&w, NULL, 2.5, 0);
    jw_rounded(&w, NULL, 12.0, 3);
    jw_rounded(&w, NULL, (double)NAN, 2);
    jw_array_end(&w);
    assert_true(jw_finish(&w) > 0);
    assert_string_equal(out, "[0.33,-0.13,3,12,null]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_kind_of_value),
        cmocka_unit_test(a_text_is_whole_or_empty),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(a_growing_text_is_whole_or_none),
        cmocka_unit_test(a_text_of_any_length_grows),
        cmocka_unit_test(what_is_taken_has_no_room_to_spare),
        cmocka_unit_test(what_is_unknown_is_left_out),
        cmocka_unit_test(a_key_may_be_data),
        cmocka_unit_test(a_real_reads_back_as_it_was),
        cmocka_unit_test(a_rounded_number_has_so_many_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
