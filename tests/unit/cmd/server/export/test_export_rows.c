/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/export/export_rows.h"
#include "cmd/server/http/export.h"

#include <math.h>
#include <string.h>

static struct export_rows rows;

static void begin(enum export_format format)
{
    assert_true(export_rows_init(&rows));
    rows.format = format;
    rows.is_first = true;
    rows.left = UINT64_MAX;
    export_rows_begin(&rows, US_PER_S * INT64_C(3600));
}

static void assert_bytes(const char *want)
{
    assert_false(rows.has_failed);
    assert_int_equal(rows.len, strlen(want));
    assert_memory_equal(rows.bytes, want, rows.len);
    export_rows_done(&rows);
}

static void test_csv(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b"};
    begin(EXPORT_CSV);
    export_names(&rows, names, 2);
    export_string(&rows, "plain");
    export_int(&rows, -7);
    export_line_end(&rows, "p1");
    export_string(&rows, "say \"no\", twice");
    export_real(&rows, -3.25);
    export_line_end(&rows, "p2");
    export_string(&rows, NULL);
    export_real(&rows, (double)NAN);
    export_line_end(&rows, "p3");
    assert_string_equal(rows.cursor, "p3");
    assert_bytes("a,b,cursor\r\nplain,-7,p1\r\n\"say \"\"no\"\", twice\",-3.25,p2\r\n,,p3\r\n");
}

/* What a spreadsheet would run. */
static void test_texts_are_no_formulas(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"=1+1", "'=1+1"}, {"+1", "'+1"},          {"-1", "'-1"},
        {"@x", "'@x"},     {"\tx", "'\tx"},        {"=a,b", "\"'=a,b\""},
        {"a=1", "a=1"},    {"\"=1", "\"\"\"=1\""}, {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(EXPORT_CSV);
        export_string(&rows, cases[i].text);
        assert_bytes(cases[i].want);
    }
    begin(EXPORT_CSV);
    export_text(&rows, "a\0b\nc", 5);
    assert_int_equal(rows.len, 7);
    assert_memory_equal(rows.bytes, "\"a\0b\nc\"", 7);
    export_rows_done(&rows);
}

static void test_ndjson(void **state)
{
    (void)state;
    begin(EXPORT_NDJSON);
    jw_int(export_object(&rows), "id", 1);
    export_object_end(&rows, "p1");
    jw_string(export_object(&rows), "name", "a\nb");
    export_object_end(&rows, "p2");
    assert_bytes("{\"id\":1,\"cursor\":\"p1\"}\n{\"name\":\"a\\nb\",\"cursor\":\"p2\"}\n");
}

static void test_a_piece_ends(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, 'x', sizeof text);
    begin(EXPORT_CSV);
    int lines = 0;
    for (; export_rows_want(&rows); lines++) {
        export_text(&rows, text, sizeof text);
        export_line_end(&rows, "p");
    }
    assert_int_equal(lines, 14);
    assert_false(rows.has_failed);
    export_rows_begin(&rows, -1);
    assert_false(export_rows_want(&rows)); /* the time is over */
    export_rows_begin(&rows, US_PER_S);
    rows.left = 1;
    assert_true(export_rows_want(&rows));
    export_line_end(&rows, "p");
    assert_false(export_rows_want(&rows));
    export_rows_done(&rows);
}

/* A line that does not fit is no line: the piece must not be sent. */
static void test_what_does_not_fit_fails(void **state)
{
    (void)state;
    static char text[EXPORT_LINE_MAX];
    begin(EXPORT_NDJSON);
    jw_text(export_object(&rows), "text", text, sizeof text);
    export_object_end(&rows, "p1");
    assert_true(rows.has_failed);
    assert_false(export_rows_want(&rows));
    export_rows_done(&rows);
    begin(EXPORT_CSV);
    for (int i = 0; i < 10; i++)
        export_text(&rows, text, sizeof text);
    assert_true(rows.has_failed);
    export_rows_done(&rows);
}

static void test_frames(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool is_last;
        const char *want;
    } cases[] = {
        {"abcdefghijklmnopqr", false, "00000012\r\nabcdefghijklmnopqr\r\n"},
        {"a", true, "00000001\r\na\r\n0\r\n\r\n"},
        {"", true, "0\r\n\r\n"},
        {"", false, ""}, /* a chunk of nothing would be the end */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char buffer[EXPORT_FRAME_BEFORE + 32 + EXPORT_FRAME_AFTER];
        char *bytes = buffer + EXPORT_FRAME_BEFORE;
        size_t len = strlen(cases[i].bytes);
        memcpy(bytes, cases[i].bytes, len);
        const char *at = export_frame(bytes, len, cases[i].is_last, &len);
        assert_int_equal(len, strlen(cases[i].want));
        assert_memory_equal(at, cases[i].want, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_texts_are_no_formulas),
        cmocka_unit_test(test_ndjson),
        cmocka_unit_test(test_a_piece_ends),
        cmocka_unit_test(test_what_does_not_fit_fails),
        cmocka_unit_test(test_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
