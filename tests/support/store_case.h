/* SPDX-License-Identifier: MIT
 *
 * store_case - what tests of the store's rules begin with: a database of their own in an open
 * transaction, and a look at its rows. Included once, by the test program itself. */
#pragma once

#include "tests/support/store_messages.h"

static struct fixture_db db;

static int set_up(void **state)
{
    (void)state;
    fixture_db_open(&db);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_db_close(&db);
    return 0;
}

static void commit_and_begin(void)
{
    assert_int_equal(store_commit(db.store), STATUS_OK);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

/* Of what is committed. */
static void assert_text_sql(const char *sql, const char *wanted)
{
    char text[512];
    commit_and_begin();
    assert_string_equal(fixture_text_of(&db, sql, text), wanted);
}
