/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/db/statement.h"

#include <math.h>
#include <string.h>

/* A module as the room has them: statements first, then what is its own. */
struct module {
    struct statement insert, all, find, broken;
    int64_t own;
};
static const struct module blank = {
    .insert = SQL("INSERT INTO t (a, b, c, d) VALUES (?1, ?2, ?3, ?4)"),
    .all = SQL("SELECT a, b, c, length(d) FROM t ORDER BY id"),
    .find = SQL("SELECT id FROM t WHERE c = ?1"),
    .broken = SQL("SELECT nothing FROM nowhere"),
    .own = 7,
};

static struct connection connection;

static int set_up(void **state)
{
    (void)state;
    memset(&connection, 0, sizeof connection);
    assert_int_equal(sqlite3_open(":memory:", &connection.db), SQLITE_OK);
    return sqlite3_exec(connection.db,
                        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT UNIQUE,"
                        " d BLOB)",
                        NULL, NULL, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    connection_close(&connection);
    connection_close(&connection); /* also what is closed */
    return 0;
}

static struct module *open_module(void)
{
    struct err err = {0};
    struct module *module = connection_part(&connection, &blank, sizeof blank,
                                            STATEMENTS_BEFORE(struct module, broken), &err);
    if (module == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(module->own, 7);
    return module;
}

static void what_was_bound_is_read_and_gone_for_the_next_run(void **state)
{
    (void)state;
    struct module *module = open_module();
    bind_int(&module->insert, 1, INT64_C(1) << 40);
    bind_real(&module->insert, 2, 1.5);
    bind_text(&module->insert, 3, "x");
    bind_blob(&module->insert, 4, NULL, 0); /* empty, not NULL */
    assert_int_equal(statement_run(&module->insert), STATUS_OK);
    bind_real(&module->insert, 2, (double)NAN);
    bind_given(&module->insert, 3, "");
    assert_int_equal(statement_run(&module->insert), STATUS_OK);

    char text[2];
    assert_int_equal(statement_row(&module->all), STATUS_OK);
    assert_true(column_int(&module->all, 0) == INT64_C(1) << 40);
    assert_true(column_real(&module->all, 1) == 1.5);
    copy_column(text, sizeof text, &module->all, 2);
    assert_string_equal(text, "x");
    assert_false(column_is_null(&module->all, 3));
    assert_int_equal(statement_row(&module->all), STATUS_OK);
    assert_true(column_is_null(&module->all, 0));
    assert_int_equal(column_int(&module->all, 0), 0);
    assert_true(isnan(column_real(&module->all, 1)));
    copy_column(text, sizeof text, &module->all, 2);
    assert_string_equal(text, "");
    assert_true(column_is_null(&module->all, 3));
    assert_int_equal(statement_row(&module->all), STATUS_NOT_FOUND);
    assert_int_equal(statement_row(&module->all), STATUS_OK); /* from the start again */
    statement_done(&module->all);
}

static void a_name_gets_its_row_once(void **state)
{
    (void)state;
    struct module *module = open_module();
    static const char insert[] = "INSERT INTO t (c) VALUES (?1)";
    struct statement once = {.sql = insert};
    assert_int_equal(statements_prepare(&connection, &once, 1, NULL), STATUS_OK);
    int64_t a = 0;
    int64_t b = 0;
    int64_t again = 0;
    assert_int_equal(statement_name_id(&module->find, &once, "a", &a), STATUS_OK);
    assert_int_equal(statement_name_id(&module->find, &once, "b", &b), STATUS_OK);
    assert_int_equal(statement_name_id(&module->find, &once, "a", &again), STATUS_OK);
    assert_true(a != 0 && b != 0 && a != b && again == a);
    statements_finalize(&once, 1);
    statements_finalize(&once, 1);
}

static void an_error_leaves_its_text_and_a_clean_statement(void **state)
{
    (void)state;
    struct module *module = open_module();
    bind_text(&module->insert, 3, "x");
    assert_int_equal(statement_run(&module->insert), STATUS_OK);
    bind_text(&module->insert, 3, "x");
    assert_int_equal(statement_run(&module->insert), STATUS_CONSTRAINT);
    assert_non_null(strstr(connection.error, "UNIQUE"));
    assert_int_equal(statement_run(&module->insert),
                     STATUS_OK); /* c is NULL: nothing was left bound */
    int64_t id = 0;
    bind_text(&module->find, 1, "y");
    assert_int_equal(statement_number(&module->find, &id), STATUS_NOT_FOUND);
}

static void a_part_whose_sql_is_wrong_is_none(void **state)
{
    (void)state;
    struct err err = {0};
    assert_null(connection_part(&connection, &blank, sizeof blank,
                                STATEMENTS_BEFORE(struct module, own), &err));
    assert_int_not_equal(err.status, STATUS_OK);
    assert_non_null(strstr(err.text, "nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_bound_is_read_and_gone_for_the_next_run, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_name_gets_its_row_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_leaves_its_text_and_a_clean_statement, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_part_whose_sql_is_wrong_is_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
