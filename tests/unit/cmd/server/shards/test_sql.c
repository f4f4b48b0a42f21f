/* SPDX-License-Identifier: MIT
 *
 * sql: what comes from outside ends no literal, and what does not fit is said. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/shards/shards.h"
#include "cmd/server/shards/sql.h"

#include <stdlib.h>
#include <string.h>

static void test_literals_are_hex(void **state)
{
    struct sql sql;
    (void)state;
    sql_begin(&sql);
    assert_string_equal(sql.text, "");
    sql_add(&sql, "SELECT %d WHERE a = ", 7);
    sql_text(&sql, "'\\ OR 1");
    assert_string_equal(sql.text, "SELECT 7 WHERE a = unhex('275c204f522031')");
    sql_clear(&sql);
    sql_text(&sql, "");
    sql_add(&sql, ", ");
    sql_bytes(&sql, (const uint8_t *)"\0\xff", 2);
    assert_string_equal(sql.text, "unhex(''), unhex('00ff')");
    sql_clear(&sql);
    assert_string_equal(sql.text, "");
    sql_done(&sql);
}

static void test_hours_name_their_days(void **state)
{
    struct sql sql;
    (void)state;
    sql_begin(&sql);
    sql_hours(&sql, 47, 49);
    assert_string_equal(sql.text, "day >= 1 AND day <= 2 AND hour >= 47 AND hour < 49");
    sql_clear(&sql);
    sql_hours(&sql, -5, 24);
    assert_string_equal(sql.text, "day >= 0 AND day <= 0 AND hour >= 0 AND hour < 24");
    sql_done(&sql);
}

static void test_what_does_not_fit_is_said(void **state)
{
    struct sql sql;
    (void)state;
    sql_begin(&sql);
    for (size_t i = 0; i <= SHARDS_SQL_MAX / 10 && !sql.is_cut; i++)
        sql_add(&sql, "0123456789");
    assert_true(sql.is_cut);
    assert_true(sql.len < SHARDS_SQL_MAX);
    sql_add(&sql, "more");
    assert_null(strstr(sql.text, "more"));
    sql_done(&sql);
    assert_false(sql.is_cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_are_hex),
        cmocka_unit_test(test_hours_name_their_days),
        cmocka_unit_test(test_what_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
