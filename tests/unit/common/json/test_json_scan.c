/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/json/json_scan.h"

#include <stdio.h>
#include <string.h>

#define DEPTH 8

/* Members as "key=kind:text;" in order. */
struct record {
    char text[512];
    size_t len;
};

static void record_member(void *context, const struct json_value *key,
                          const struct json_value *value)
{
    struct record *record = context;
    const int n =
        snprintf(record->text + record->len, sizeof record->text - record->len, "%.*s=%d:%.*s;",
                 (int)key->len, key->text, (int)value->kind, (int)value->len, value->text);
    assert_true(n > 0 && (size_t)n < sizeof record->text - record->len);
    record->len += (size_t)n;
}

static bool scan(const char *text, struct record *out)
{
    *out = (struct record){.len = 0};
    return json_scan_object(text, strlen(text), DEPTH, record_member, out);
}

static void hands_out_the_outer_members(void **state)
{
    (void)state;
    struct record record;
    assert_true(scan(" { \"a\" : null , \"b\":true,\"c\":false,\"d\":-1.5e+3,\"e\":\"x\\\"y\","
                     "\"f\":{\"a\":[1,{}]},\"g\":[ ],\"a\":\"\"}\n",
                     &record));
    assert_string_equal(record.text, "a=1:null;b=3:true;c=2:false;d=4:-1.5e+3;e=5:x\\\"y;"
                                     "f=6:{\"a\":[1,{}]};g=7:[ ];a=5:;");
    assert_true(scan("{}", &record));
    assert_string_equal(record.text, "");
}

static void takes_what_is_harmless(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\":1}\r\n\t ",    "{\"a\":\"\x01\xff\n\"}", "{\"a\":007}",           "{\"a\":1e400}",
        "{\"a\":\"\\udc9d\"}", "{\"a\":\"\\u0000\"}",    "{\"\\u0061\":\"\\/\"}",
    };
    struct record record;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!scan(texts[i], &record))
            fail_msg("%s is refused", texts[i]);
    }
    assert_true(json_scan_object("{}\0\0", 4, DEPTH, record_member, &record));
}

static void refuses_what_is_no_object(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "[]",
        "\"a\"",
        "null",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1 2}",
        "{\"a\":1}x",
        "{\"a\":1}{}",
        "{\"a\":[1}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":nul}",
        "{\"a\":True}",
        "{\"a\":NaN}",
        "{\"a\":-}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":5.}",
        "{\"a\":1e}",
        "{\"a\":0x1}",
        "{\"a\":\"x}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\",
        "{\"a\":\"\\u",
        "{\"a\" 1}",
        "{1:2}",
        "{\"a\":1;\"b\":2}",
    };
    struct record record;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (scan(texts[i], &record))
            fail_msg("%s is taken", texts[i]);
    }
}

/* Each shorter text is refused, and none is read beyond its end (which ASan would see). */
static void refuses_every_cut(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[null,true,-1.5e-3,{\"b\":\"\\u00e9\\n\"}],\"c\":{}}";
    struct record record;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        char exact[sizeof text];
        memcpy(exact, text, len);
        record.len = 0;
        assert_false(json_scan_object(exact, len, DEPTH, record_member, &record));
    }
    assert_true(scan(text, &record));
}

static void limits_depth(void **state)
{
    (void)state;
    struct record record;
    assert_true(scan("{\"a\":[[[[[[[]]]]]]]}", &record));
    assert_false(scan("{\"a\":[[[[[[[[]]]]]]]]}", &record));
    assert_false(
        scan("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", &record));
    assert_false(json_scan_object("{}", 2, 0, record_member, &record));
}

static void unescapes(void **state)
{
    (void)state;
    const struct {
        const char *text, *meaning;
    } cases[] = {
        {"plain", "plain"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac"},
        {"\\ud83d\\ude00!", "\xf0\x9f\x98\x80!"},
        {"\\udc9d", "\xef\xbf\xbd"},
        {"\\udc9d\\udc9d", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\\ud83d", "\xef\xbf\xbd"},
        {"\\ud83dx", "\xef\xbf\xbdx"},
        {"\\ud83d\\n", "\xef\xbf\xbd\n"},
        {"\\ud83d\\u0041", "\xef\xbf\xbd"
                           "A"},
        {"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
        {"\\u00f0\\u0178\\udc90", "\xc3\xb0\xc5\xb8\xef\xbf\xbd"},
        {"a\\u0000b", "a\xef\xbf\xbd"
                      "b"},
        {"\xff", "\xff"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json_value value = {.kind = JSON_STRING,
                                         .has_escapes = true,
                                         .text = cases[i].text,
                                         .len = strlen(cases[i].text)};
        char out[64];
        assert_int_equal(json_unescape(&value, out, sizeof out), strlen(cases[i].meaning));
        assert_string_equal(out, cases[i].meaning);
    }
}

static void unescape_cuts_between_characters(void **state)
{
    (void)state;
    const struct json_value value = {.kind = JSON_STRING, .text = "ab\\u20ac\0c", .len = 10};
    char out[16];
    assert_int_equal(json_unescape(&value, out, 5), 2);
    assert_string_equal(out, "ab");
    assert_int_equal(json_unescape(&value, out, 6), 5);
    assert_int_equal(json_unescape(&value, out, 1), 0);
    assert_string_equal(out, "");
    assert_int_equal(json_unescape(&value, out, sizeof out), 9);
    assert_string_equal(out, "ab\xe2\x82\xac\xef\xbf\xbd"
                             "c");
}

static void hands_out_the_elements_of_an_array(void **state)
{
    (void)state;
    static const char list[] = " 1 ,\"a,]\", {\"b\":[1,2]},[ ] , null";
    static const struct {
        enum json_kind kind;
        const char *text;
    } expected[] = {
        {JSON_NUMBER, "1"},  {JSON_STRING, "a,]"}, {JSON_OBJECT, "{\"b\":[1,2]}"},
        {JSON_ARRAY, "[ ]"}, {JSON_NULL, "null"},
    };
    struct json_value value;
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(json_scan_element(list, sizeof list - 1, DEPTH, &at, &value));
        assert_int_equal(value.kind, expected[i].kind);
        assert_int_equal(value.len, strlen(expected[i].text));
        assert_memory_equal(value.text, expected[i].text, value.len);
    }
    assert_int_equal(at, sizeof list - 1);
    assert_false(json_scan_element(list, sizeof list - 1, DEPTH, &at, &value));
    assert_int_equal(value.kind, JSON_NULL); /* untouched */
}

/* No element, and no step: a caller that loops on it ends. */
static void ends_at_what_is_no_element(void **state)
{
    (void)state;
    static const char *const lists[] = {"", " ", ",", "x", "1 2", "\"a", "[1", "{\"a\"}", "[[[]]]"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct json_value value;
        size_t at = 0;
        if (json_scan_element(lists[i], strlen(lists[i]), 2, &at, &value) || at != 0)
            fail_msg("%s has an element", lists[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_the_outer_members),
        cmocka_unit_test(takes_what_is_harmless),
        cmocka_unit_test(refuses_what_is_no_object),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(hands_out_the_elements_of_an_array),
        cmocka_unit_test(ends_at_what_is_no_element),
        cmocka_unit_test(unescapes),
        cmocka_unit_test(unescape_cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
