/* SPDX-License-Identifier: MIT
 *
 * json_fault: each mistake that people make is named, at the place to change. */
#include "tests/support/cmocka_all.h"

#include "common/json/json_fault.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH 8

struct mistake {
    const char *text;
    size_t line, column;
    const char *why; /* a part of the words */
};

/* From a block of exactly len bytes, so that a read beyond it is seen by the sanitizer. */
static bool find(const char *text, size_t len, struct json_fault *out)
{
    char *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, text, len);
    const bool found = json_find_fault(copy, len, DEPTH, out);
    free(copy);
    return found;
}

static void expect(const struct mistake *m)
{
    struct json_fault fault = {0};
    if (!find(m->text, strlen(m->text), &fault))
        fail_msg("no fault found in %s", m->text);
    if (strstr(fault.why, m->why) == NULL || fault.line != m->line || fault.column != m->column)
        fail_msg("%s\nline %zu, column %zu: %s\nexpected line %zu, column %zu: %s", m->text,
                 fault.line, fault.column, fault.why, m->line, m->column, m->why);
}

static void expect_all(const struct mistake *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(&mistakes[i]);
}

static void commas_are_told_apart(void **state)
{
    static const struct mistake mistakes[] = {
        /* at the end of the line that lacks it, not on the next */
        {"{\n  \"port\": 3000\n  \"host\": \"x\"\n}", 2, 15, "a comma is missing here"},
        {"{\"a\": [1 2]}", 1, 9, "a comma is missing here, between two values"},
        {"{\"a\": {\"b\": 1} \"c\": 2}", 1, 15, "a comma is missing here"},
        {"{\n  \"port\": 3000,\n}", 2, 15, "a comma before }: the last key has none"},
        {"{\"a\": [1, 2,\n]}", 1, 12, "a comma before ]: the last value has none"},
        {"{\"a\": 1,, \"b\": 2}", 1, 9, "one comma too many"},
        {"{\"a\": 1; \"b\": 2}", 1, 8, "no semicolon"},
        {"{,\"a\": 1}", 1, 2, "a key in double quotes must stand here"},
    };
    (void)state;
    expect_all(mistakes, ARRAY_LEN(mistakes));
}

static void comments_and_quotes_are_named(void **state)
{
    static const struct mistake mistakes[] = {
        {"// Weir\n{}", 1, 1, "a comment: JSON has none"},
        {"{\n  \"port\": 3000 // the server\n}", 2, 16, "a comment"},
        {"{ /* x */ \"port\": 3000}", 1, 3, "a comment"},
        {"{\n# x\n\"port\": 3000}", 2, 1, "a comment"},
        {"{\"port\": 3000, # x\n\"a\": 1}", 1, 16, "a comment"},
        {"{\"port\": 3000}\n# x", 2, 1, "a comment"},
        {"{'port': 3000}", 1, 2, "straight double quotes"},
        {"{\"host\": '::1'}", 1, 10, "straight double quotes"},
        {"{\"host\": \xe2\x80\x9cx\xe2\x80\x9d}", 1, 10, "straight double quotes"},
        {"{\xe2\x80\x9ehost\xe2\x80\x9c: 1}", 1, 2, "straight double quotes"},
        {"{\"host\": \"x,\n\"port\": 1}", 1, 10,
         "the double quote that closes this text is missing"},
        {"{\"host\": \"x", 1, 10, "the double quote that closes this text is missing"},
        {"{port: 3000}", 1, 2, "a key must stand in double quotes"},
        {"{\"host\": localhost}", 1, 10, "text must stand in double quotes"},
        {"{\"p\": ~/weir.db}", 1, 7, "text must stand in double quotes"},
        {"{\"p\":\xc2\xa0"
         "1}",
         1, 6, "a no-break space"},
    };
    (void)state;
    expect_all(mistakes, ARRAY_LEN(mistakes));
}

static void words_and_numbers_are_named(void **state)
{
    static const struct mistake mistakes[] = {
        {"{\"a\": True}", 1, 7, "write true, in small letters"},
        {"{\"a\": FALSE}", 1, 7, "write false, in small letters"},
        {"{\"a\": None}", 1, 7, "write null"},
        {"{\"a\": yes}", 1, 7, "write true"},
        {"{\"a\": off}", 1, 7, "write false"},
        {"{\"a\": 0x10}", 1, 7, "in decimal digits"},
        {"{\"a\": 01}", 1, 7, "leave the leading 0 out"},
        {"{\"a\": +1}", 1, 7, "leave the + out"},
        {"{\"a\": .5}", 1, 7, "on both sides of its point"},
        {"{\"a\": 5.}", 1, 7, "on both sides of its point"},
        {"{\"a\": 10s}", 1, 7, "without unit"},
        {"{\"a\": 64MB}", 1, 7, "without unit"},
        {"{\"a\": 90%}", 1, 7, "without unit"},
        {"{\"a\": 50_000}", 1, 7, "between its digits"},
        {"{\"a\": 127.0.0.1}", 1, 7, "two points"},
        {"{\"a\": -}", 1, 7, "without unit"},
        {"{\"a\": 1e}", 1, 7, "without unit"},
        {"{\"a\": 2 MB}", 1, 8, "a comma is missing here"},
    };
    (void)state;
    expect_all(mistakes, ARRAY_LEN(mistakes));
}

static void structure_is_named(void **state)
{
    static const struct mistake mistakes[] = {
        {"", 1, 1, "it is empty"},
        {" \r\n\t\n", 1, 1, "it is empty"},
        {"\xef\xbb\xbf", 1, 1, "it is empty"},
        {"{\n\"a\": {\n\"b\": 1\n}\n", 4, 2, "the { of line 1 is not closed: a } is missing"},
        {"{\n\"a\": [\n1\n", 3, 2, "the [ of line 2 is not closed: a ] is missing"},
        {"{\"a\":", 1, 6, "a value is missing here"},
        {"{\"a\": , \"b\": 1}", 1, 7, "a value is missing here"},
        {"{\"a\"}", 1, 5, "a colon is missing"},
        {"{\"a\" 1}", 1, 5, "a colon is missing"},
        {"{\"a\" = 1}", 1, 6, "a colon, no ="},
        {"{\"a\": [1}", 1, 9, "this } closes nothing: the [ of line 1 is closed by ]"},
        {"{\n\"a\": 1\n]", 3, 1, "this ] closes nothing: the { of line 1 is closed by }"},
        {"{\"a\": 1}}", 1, 9, "one } too many"},
        {"{\"a\": 1}\n{\"b\": 2}", 2, 1, "text behind the end"},
        {"{}\n<<<<", 2, 1, "text behind the end"},
        {"\"port\": 3000", 1, 1, "the { before the first key is missing"},
        {"port: 3000", 1, 1, "this is no JSON, which begins with {"},
        {"<<<<<<< HEAD\n{}", 1, 1, "this is no JSON, which begins with {"},
        {"'a'", 1, 1, "straight double quotes"},
        {"[[[[[[[[[1]]]]]]]]]", 1, 9, "nested too deep"},
        {"{\"a\": \"C:\\weir\"}", 1, 10, "a lone backslash"},
        {"{\"a\": \"\\u12\"}", 1, 8, "four hex digits"},
        {"{\"a\": \"\\u0000\"}", 1, 8, "NUL"},
        {"{\"a\": \"\\ud83d\"}", 1, 8, "half a character"},
        {"{\"a\": \"\\udead\"}", 1, 8, "half a character"},
        {"{\"\xf0\x9f\x9a\xab\": x}", 1, 7, "double quotes"}, /* four bytes are one column */
        {"\xef\xbb\xbf{\"a\": x}", 1, 7, "double quotes"},
    };
    (void)state;
    expect_all(mistakes, ARRAY_LEN(mistakes));
}

static void a_nul_byte_is_named(void **state)
{
    struct json_fault fault;
    (void)state;
    assert_true(find("{\"a\0\": 1}", 9, &fault));
    assert_non_null(strstr(fault.why, "NUL byte"));
    assert_true(find("{\"a\"\0: 1}", 9, &fault));
    assert_non_null(strstr(fault.why, "NUL byte"));
}

/* What the parser takes has no fault, and no prefix of it is without one. */
static void valid_texts_have_none(void **state)
{
    static const char *const texts[] = {
        "{}",
        " [1, -2.5e+3, 0, 0.1, -0, 1E9] \r\n",
        "\xef\xbb\xbf{\"a\": true, \"b\": [false, null, {}], \"c\": {\"d\": []}}",
        "{\"a\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00\"}",
        "\"text\"",
    };
    struct json_fault fault;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (find(texts[i], strlen(texts[i]), &fault))
            fail_msg("%s: %s", texts[i], fault.why);
        const size_t whole = strlen(texts[i]) - strspn(texts[i], " \r\n");
        for (size_t len = 0; texts[i][0] != ' ' && len < whole; len++) {
            if (!find(texts[i], len, &fault))
                fail_msg("no fault in the first %zu bytes of %s", len, texts[i]);
        }
    }
}

/* I1: a password on the line is not repeated, whatever is wrong beside it. */
static void words_never_quote_the_text(void **state)
{
    static const char *const texts[] = {
        "{\"password\": hunter2}",
        "{\"password\": \"hunter2}",
        "{\"password\" \"hunter2\"}",
        "{\"password\": 'hunter2'}",
        "hunter2",
    };
    struct json_fault fault;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_true(find(texts[i], strlen(texts[i]), &fault));
        assert_null(strstr(fault.why, "hunter2"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_are_told_apart),
        cmocka_unit_test(comments_and_quotes_are_named),
        cmocka_unit_test(words_and_numbers_are_named),
        cmocka_unit_test(structure_is_named),
        cmocka_unit_test(a_nul_byte_is_named),
        cmocka_unit_test(valid_texts_have_none),
        cmocka_unit_test(words_never_quote_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
