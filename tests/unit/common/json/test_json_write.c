/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/json/json_write.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_kind_of_value),
        cmocka_unit_test(a_text_is_whole_or_empty),
        cmocka_unit_test(decimals_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
