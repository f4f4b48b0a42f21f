/* SPDX-License-Identifier: MIT
 *
 * clickhouse_answer: what each way of answering means (texts as 18.16 and newer servers send them).
 */
#include "tests/support/cmocka_all.h"

#include "common/clickhouse/clickhouse_answer.h"

#include <string.h>

static struct clickhouse_judgement judge(struct clickhouse_seen seen, const char *body)
{
    struct clickhouse_judgement is;
    seen.body = body;
    seen.len = strlen(body);
    clickhouse_judge(&seen, &is);
    return is;
}

static struct clickhouse_judgement whole(int status, const char *body)
{
    return judge((struct clickhouse_seen){.status = status, .is_head_whole = true}, body);
}

static void test_done_is_200_a_whole_head_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(whole(200, "").verdict, CLICKHOUSE_DONE);
    assert_int_equal(judge((struct clickhouse_seen){.status = 200}, "").verdict,
                     CLICKHOUSE_UNKNOWN);
    assert_int_equal(judge((struct clickhouse_seen){.is_head_whole = true}, "").verdict,
                     CLICKHOUSE_UNKNOWN);
    const struct clickhouse_seen rows = {.status = 200, .is_head_whole = true, .asked_rows = true};
    assert_int_equal(judge(rows, "\x07").verdict, CLICKHOUSE_DONE);
}

static void test_a_200_may_tell_of_an_error(void **state)
{
    (void)state;
    const struct clickhouse_seen header = {
        .status = 200, .is_head_whole = true, .header_code = 159};
    assert_int_equal(judge(header, "").verdict, CLICKHOUSE_UNKNOWN);
    assert_int_equal(judge(header, "").code, 159);
    assert_int_equal(whole(200, "something").verdict, CLICKHOUSE_UNKNOWN);
    assert_int_equal(whole(200, "Code: 241, e.displayText() = x").verdict, CLICKHOUSE_UNKNOWN);
    assert_int_equal(whole(200, "Code: 27, e.displayText() = x").verdict, CLICKHOUSE_PERMANENT);
    const struct clickhouse_seen rows = {.status = 200, .is_head_whole = true, .asked_rows = true};
    assert_int_equal(judge(rows, "\x07\r\n__exception__\r\nabc\r\nCode: 153").verdict,
                     CLICKHOUSE_UNKNOWN);
}

static void test_codes_say_whether_later_is_better(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum clickhouse_verdict verdict;
        int code;
    } cases[] = {
        {500, "Code: 241, e.displayText() = DB::Exception: Memory limit", CLICKHOUSE_TEMPORARY,
         241},
        {500, "Code: 252. DB::Exception: Too many parts (300)", CLICKHOUSE_TEMPORARY, 252},
        {500, "Code: 225, e.displayText() = no ZooKeeper", CLICKHOUSE_TEMPORARY, 225},
        {500, "Code: 354, e.displayText() = inflate failed", CLICKHOUSE_TEMPORARY, 354},
        {404, "Code: 60, e.displayText() = Table weir.obs doesn't exist", CLICKHOUSE_PERMANENT, 60},
        {404, "Code: 81. DB::Exception: Database weir does not exist", CLICKHOUSE_PERMANENT, 81},
        {500, "Code: 164, e.displayText() = Cannot insert in readonly mode", CLICKHOUSE_PERMANENT,
         164},
        {401, "Code: 193, e.displayText() = Wrong password", CLICKHOUSE_PERMANENT, 193},
        {403, "Code: 516. DB::Exception: Authentication failed", CLICKHOUSE_PERMANENT, 516},
        {502, "<html>Bad Gateway", CLICKHOUSE_TEMPORARY, 0},
        {429, "", CLICKHOUSE_TEMPORARY, 0},
        {404, "", CLICKHOUSE_PERMANENT, 0},
        {302, "", CLICKHOUSE_PERMANENT, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct clickhouse_judgement is = whole(cases[i].status, cases[i].body);
        assert_int_equal(is.verdict, cases[i].verdict);
        assert_int_equal(is.code, cases[i].code);
        assert_true(is.text[0] != '\0');
    }
}

static void test_a_header_gives_the_code_that_the_body_lacks(void **state)
{
    (void)state;
    const struct clickhouse_judgement is = judge(
        (struct clickhouse_seen){.status = 500, .is_head_whole = true, .header_code = 242}, "");
    assert_int_equal(is.verdict, CLICKHOUSE_TEMPORARY);
    assert_string_equal(is.text, "HTTP 500 (code 242)");
}

static void test_the_unfinished_is_unknown_unless_nothing_was_sent(void **state)
{
    static const struct {
        enum clickhouse_transfer transfer;
        enum clickhouse_verdict verdict;
    } cases[] = {
        {CLICKHOUSE_NO_CONNECTION, CLICKHOUSE_TEMPORARY},
        {CLICKHOUSE_CUT, CLICKHOUSE_UNKNOWN},
        {CLICKHOUSE_LATE, CLICKHOUSE_UNKNOWN},
        {CLICKHOUSE_TOO_LONG, CLICKHOUSE_PERMANENT},
        {CLICKHOUSE_STOPPED, CLICKHOUSE_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct clickhouse_seen seen = {.transfer = cases[i].transfer,
                                             .status = 200,
                                             .is_head_whole = true,
                                             .library = "its words"};
        const struct clickhouse_judgement is = judge(seen, "");
        assert_int_equal(is.verdict, cases[i].verdict);
        assert_non_null(strstr(is.text, ": its words"));
    }
}

static void test_a_text_is_one_line_for_people(void **state)
{
    char body[2 * CLICKHOUSE_TEXT_MAX];
    (void)state;
    assert_string_equal(whole(500, "Code: 62, a\r\n\x1b[31mb\xff\xc2\x85"
                                   "c\xc3\xa9\n\n")
                            .text,
                        "Code: 62, a [31mb c\xc3\xa9");
    memset(body, 'x', sizeof body);
    body[sizeof body - 1] = '\0';
    assert_int_equal(strlen(whole(500, body).text), CLICKHOUSE_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_done_is_200_a_whole_head_and_nothing_else),
        cmocka_unit_test(test_a_200_may_tell_of_an_error),
        cmocka_unit_test(test_codes_say_whether_later_is_better),
        cmocka_unit_test(test_a_header_gives_the_code_that_the_body_lacks),
        cmocka_unit_test(test_the_unfinished_is_unknown_unless_nothing_was_sent),
        cmocka_unit_test(test_a_text_is_one_line_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
