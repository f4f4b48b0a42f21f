/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/spec/shape.h"

#include <stdlib.h>

static const struct shape_name names[] = {{"node", "{key: str}"}, {"list_of", "[node]"}, {0}};

/* What comes out; "bad" when the text is no shape. */
static void check(const char *text, const char *expected)
{
    struct json_write w;
    size_t len;
    jw_grow(&w, 65536);
    const bool is_shape = shape_write(&w, NULL, text, names);
    char *schema = jw_take(&w, &len);
    assert_non_null(schema);
    assert_string_equal(is_shape ? schema : "bad", expected);
    free(schema);
}

static void test_words(void **state)
{
    (void)state;
    check("int", "{\"type\":\"integer\"}");
    check("num?", "{\"type\":[\"number\",\"null\"]}");
    check("any", "{}");
    check("time", "{\"type\":\"string\",\"format\":\"date-time\"}");
    check("'a'|'b c'?", "{\"enum\":[\"a\",\"b c\",null]}");
    check("node", "{\"$ref\":\"#/components/schemas/node\"}");
    check("node?", "{\"anyOf\":[{\"$ref\":\"#/components/schemas/node\"},{\"type\":\"null\"}]}");
}

static void test_objects_and_lists(void **state)
{
    (void)state;
    check("{a: int, b?: [str?], }",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":"
          "\"array\",\"items\":{\"type\":[\"string\",\"null\"]}}},\"required\":[\"a\"]}");
    check("{a:int, *: [node], 2: bool}?",
          "{\"type\":[\"object\",\"null\"],\"properties\":{\"a\":{\"type\":\"integer\"},\"2\":{"
          "\"type\":\"boolean\"}},\"required\":[\"a\",\"2\"],\"additionalProperties\":{\"type\":"
          "\"array\",\"items\":{\"$ref\":\"#/components/schemas/node\"}}}");
    check("{...}", "{\"type\":\"object\",\"properties\":{},\"required\":[],"
                   "\"additionalProperties\":true}");
    check("[{a: {}}]", "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"a\":{"
                       "\"type\":\"object\",\"properties\":{},\"required\":[]}},\"required\":["
                       "\"a\"]}}");
}

static void test_what_is_no_shape_is_told(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "{",       "[int",       "{a int}", "{a: nod}",
                                      "int int", "{: int}", "{a: int b}", "Int",     "[int]]",
                                      "{a?}",    "[]",      "{a: int,}x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        check(bad[i], "bad");
    char deep[2 * (SHAPE_DEPTH_MAX + 1) + 4] = "";
    for (int i = 0; i <= SHAPE_DEPTH_MAX; i++)
        deep[i] = '[';
    check(deep, "bad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_objects_and_lists),
        cmocka_unit_test(test_what_is_no_shape_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
