/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/hex.h"

#include <string.h>

static void decodes_every_byte_in_both_cases(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        const uint8_t byte = (uint8_t)i;
        uint8_t out[1];
        size_t len = 9;
        char text[3];
        hex_encode_lower(&byte, 1, text);
        assert_true(hex_decode(text, 2, out, sizeof out, &len));
        assert_int_equal(out[0], i);
        assert_int_equal(len, 1);
        hex_encode_upper(&byte, 1, text);
        assert_true(hex_decode(text, 2, out, sizeof out, &len));
        assert_int_equal(out[0], i);
    }
}

static void refuses_every_other_character(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const bool is_hex = c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL;
        const char high[2] = {(char)c, '0'};
        const char low[2] = {'0', (char)c};
        uint8_t out[1];
        size_t len;
        assert_int_equal(hex_decode(high, 2, out, sizeof out, &len), is_hex);
        assert_int_equal(hex_decode(low, 2, out, sizeof out, &len), is_hex);
    }
}

static void refuses_odd_counts_and_what_does_not_fit(void **state)
{
    (void)state;
    uint8_t out[2];
    size_t len = 77;
    assert_false(hex_decode("abc", 3, out, sizeof out, &len));
    assert_false(hex_decode("aabbcc", 6, out, sizeof out, &len));
    assert_int_equal(len, 77);
    assert_true(hex_decode("aabb", 4, out, sizeof out, &len));
    assert_int_equal(len, 2);
    assert_true(hex_decode("", 0, out, sizeof out, &len));
    assert_int_equal(len, 0);
}

static void encodes_with_a_final_nul(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x00, 0x9f, 0xab};
    char out[7];
    hex_encode_lower(bytes, sizeof bytes, out);
    assert_string_equal(out, "009fab");
    hex_encode_upper(bytes, sizeof bytes, out);
    assert_string_equal(out, "009FAB");
    hex_encode_lower(bytes, 0, out);
    assert_string_equal(out, "");
}

static void a_digit_of_either_case_has_a_value(void **state)
{
    (void)state;
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    for (int c = 0; c < 256; c++) {
        const char *at = c != 0 ? strchr(lower, c) : NULL;
        if (at == NULL && c != 0)
            at = (at = strchr(upper, c)) != NULL ? lower + (at - upper) : NULL;
        assert_int_equal(hex_digit((char)c), at != NULL ? (int)(at - lower) : -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_byte_in_both_cases),
        cmocka_unit_test(refuses_every_other_character),
        cmocka_unit_test(refuses_odd_counts_and_what_does_not_fit),
        cmocka_unit_test(encodes_with_a_final_nul),
        cmocka_unit_test(a_digit_of_either_case_has_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
