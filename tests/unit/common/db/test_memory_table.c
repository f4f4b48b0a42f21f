/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/db/memory_table.h"

static const char *const words[] = {"one", NULL, "three"};

static void give_word(const void *owner, size_t at, int column, sqlite3_context *out)
{
    const char *word = ((const char *const *)owner)[at];
    if (column == 0)
        sqlite3_result_int64(out, (int64_t)at + 1);
    else if (word != NULL)
        sqlite3_result_text(out, word, -1, SQLITE_STATIC);
}

static struct memory_table table = {
    .name = "words", .columns = "n, word", .give = give_word, .owner = words};

static void a_statement_reads_as_many_rows_as_there_are(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    sqlite3_stmt *copy = NULL;
    sqlite3_stmt *look = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(memory_table_add(db, &table, NULL), STATUS_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(n, word)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "INSERT INTO t SELECT n, word FROM words", -1, &copy, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT group_concat(n || coalesce(word, '-')) FROM t",
                                        -1, &look, NULL),
                     SQLITE_OK);
    table.count = 0;
    assert_int_equal(sqlite3_step(copy), SQLITE_DONE);
    assert_int_equal(sqlite3_reset(copy), SQLITE_OK);
    table.count = ARRAY_LEN(words);
    assert_int_equal(sqlite3_step(copy), SQLITE_DONE);
    assert_int_equal(sqlite3_reset(copy), SQLITE_OK);
    table.count = 1;
    assert_int_equal(sqlite3_step(copy), SQLITE_DONE);
    assert_int_equal(sqlite3_step(look), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(look, 0), "1one,2-,3three,1one");
    assert_int_equal(sqlite3_finalize(copy), SQLITE_OK);
    assert_int_equal(sqlite3_finalize(look), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_reads_as_many_rows_as_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
