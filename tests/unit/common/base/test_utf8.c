/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/utf8.h"

#include <string.h>

static size_t sequence(const char *bytes)
{
    return utf8_sequence_len((const uint8_t *)bytes, strlen(bytes));
}

static void valid_sequences_have_their_length(void **state)
{
    (void)state;
    assert_int_equal(sequence("a"), 1);
    assert_int_equal(utf8_sequence_len((const uint8_t *)"", 1), 1); /* NUL is a character */
    assert_int_equal(sequence("\x7f"), 1);
    assert_int_equal(sequence("\xc2\x80"), 2);
    assert_int_equal(sequence("\xdf\xbf"), 2);
    assert_int_equal(sequence("\xe0\xa0\x80"), 3);
    assert_int_equal(sequence("\xed\x9f\xbf"), 3);
    assert_int_equal(sequence("\xee\x80\x80"), 3);
    assert_int_equal(sequence("\xef\xbf\xbf"), 3);
    assert_int_equal(sequence("\xf0\x90\x80\x80"), 4);
    assert_int_equal(sequence("\xf4\x8f\xbf\xbf"), 4);
}

static void invalid_sequences_have_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",             /* continuation alone */
        "\xc0\xaf",         /* overlong */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3",         /* cut */
        "\xe2\x82",     /* cut */
        "\xf0\x9f\x98", /* cut */
        "\xc3(",        /* no continuation */
        "\xe2\x82(",
        "\xf0\x9f\x98(",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(sequence(bad[i]), 0);
    assert_int_equal(utf8_sequence_len((const uint8_t *)"a", 0), 0);
}

/* The reference: decode by arithmetic, then judge the code point. */
static size_t reference_len(const uint8_t *p)
{
    if (p[0] < 0x80)
        return 1;
    const size_t need = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc0 || p[0] >= 0xf8)
        return 0;
    uint32_t code = p[0] & (0xffU >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fU);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least[need] || code > 0x10ffff || is_surrogate ? 0 : need;
}

static void all_two_byte_beginnings_agree_with_the_definition(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            const uint8_t bytes[4] = {(uint8_t)a, (uint8_t)b, 0x80, 0xbf};
            assert_int_equal(utf8_sequence_len(bytes, 4), reference_len(bytes));
        }
    }
}

static void sanitize_replaces_what_is_bad(void **state)
{
    (void)state;
    char out[64];
    const uint8_t in[] = "a\xff\xc3(\xe2\x82\xac";
    assert_int_equal(utf8_sanitize(out, sizeof out, in, sizeof in - 1), 1 + 3 + 3 + 1 + 3);
    assert_string_equal(out, "a\xef\xbf\xbd\xef\xbf\xbd(\xe2\x82\xac");
}

/* The example of the Unicode Standard (3.9, table 3-8), then cut characters. */
static void one_replacement_a_maximal_subpart(void **state)
{
    (void)state;
    const struct {
        const char *in;
        size_t replacements;
    } cases[] = {
        {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82", 8},
        {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf", 8},
        {"\xf4\x91\x92\x93\xff", 5},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf", 4},
        {"\xe9\xad", 1},
        {"\xf0\x9f\x8c", 1},
        {"\xf0\x9f\x8c\x8e\x8e", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64];
        const char *found = out;
        size_t count = 0;
        (void)utf8_sanitize(out, sizeof out, (const uint8_t *)cases[i].in, strlen(cases[i].in));
        for (; (found = strstr(found, "\xef\xbf\xbd")) != NULL; found += 3)
            count++;
        assert_int_equal(count, cases[i].replacements);
    }
}

static void sanitize_never_splits_a_character(void **state)
{
    (void)state;
    const uint8_t in[] = "ab\xe2\x82\xac";
    for (size_t cap = 1; cap <= 6; cap++) {
        char out[8];
        memset(out, 'x', sizeof out);
        const size_t n = utf8_sanitize(out, cap, in, sizeof in - 1);
        assert_int_equal(n, cap >= 6 ? 5 : cap >= 3 ? 2 : cap - 1);
        assert_int_equal(out[n], '\0');
        assert_int_equal(out[cap], 'x');
    }
    char untouched = 'x';
    assert_int_equal(utf8_sanitize(&untouched, 0, in, sizeof in - 1), 0);
    assert_int_equal(untouched, 'x');
}

static void clean_text_has_no_control_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text, *clean;
    } cases[] = {
        {" two  ", " two  "},
        {"a\x1b[31m\x7f\r\nb", "a[31mb"},
        {"a\xc2\x9b"
         "b\xc2\xa0",
         "ab\xc2\xa0"}, /* CSI of C1; a no-break space stays */
        {"\xc2\x80\xc2\x9f\xc3\x9f",
         "\xc3\x9f"}, /* the first and the last of C1; the same second byte */
        /* Bad bytes first: without the control character between them two halves would
         * become a character. */
        {"\xe2\x01\x82\xac", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[32];
        assert_int_equal(
            utf8_clean(text, sizeof text, (const uint8_t *)cases[i].text, strlen(cases[i].text)),
            strlen(cases[i].clean));
        assert_string_equal(text, cases[i].clean);
    }
    char cut[6];
    assert_int_equal(utf8_clean(cut, sizeof cut, (const uint8_t *)"a\xe2\x82\xac\xe2\x82\xac", 7),
                     4);
    assert_int_equal(utf8_clean(cut, sizeof cut, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_sequences_have_their_length),
        cmocka_unit_test(invalid_sequences_have_none),
        cmocka_unit_test(all_two_byte_beginnings_agree_with_the_definition),
        cmocka_unit_test(sanitize_replaces_what_is_bad),
        cmocka_unit_test(one_replacement_a_maximal_subpart),
        cmocka_unit_test(sanitize_never_splits_a_character),
        cmocka_unit_test(clean_text_has_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
