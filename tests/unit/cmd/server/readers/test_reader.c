/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/state/commit_watch.h"
#include "cmd/server/readers/readers.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <stdio.h>
#include <unistd.h>

struct rig {
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
};

static void make_database(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(db_open_writer(path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(schema_migrate(db, NULL), STATUS_OK);
    assert_int_equal(db_exec(db, sql, NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void set_version(const char *path, int version)
{
    sqlite3 *db = NULL;
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version);
    assert_int_equal(db_open_writer(path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(db_exec(db, sql, NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void rig_init(struct rig *rig)
{
    temp_dir_make(rig->dir);
    temp_dir_path(rig->dir, "weir.db", rig->path);
}

static int64_t ask_number(struct reader *reader, const char *sql)
{
    assert_int_equal(reader_begin(reader, READER_SLICE_US, NULL), STATUS_OK);
    const int64_t number = reader_number(reader, sql, -1);
    assert_int_equal(reader_end(reader), READER_ANSWERED);
    return number;
}

static void test_comes_before_its_database_and_outlives_it(void **state)
{
    (void)state;
    struct rig rig;
    struct err err = {0};
    rig_init(&rig);
    struct reader *reader = reader_new(rig.path);
    assert_int_equal(reader_begin(reader, READER_SLICE_US, &err), STATUS_NOT_FOUND);
    make_database(rig.path, "UPDATE meta SET commits = 7, nodes = 3");
    assert_int_equal(ask_number(reader, "SELECT nodes FROM meta"), 3);
    assert_int_equal(reader_commits(reader), 7);
    char other[TEMP_PATH_MAX];
    temp_dir_path(rig.dir, "other.db", other);
    make_database(other, "UPDATE meta SET commits = 1, nodes = 5");
    const uint64_t opened = reader_opened(reader);
    assert_int_equal(rename(other, rig.path), 0);
    assert_int_equal(ask_number(reader, "SELECT nodes FROM meta"), 5);
    assert_int_equal(reader_opened(reader), opened + 1);
    reader_free(reader);
    temp_dir_remove(rig.dir);
}

/* A server that is upgraded before the ingestor, or while it migrates: what would fail in the
 * middle of an answer is not begun. */
static void test_a_schema_that_is_not_this_programs_is_not_asked(void **state)
{
    (void)state;
    struct rig rig;
    struct err err = {0};
    rig_init(&rig);
    make_database(rig.path, "UPDATE meta SET nodes = 3");
    set_version(rig.path, SCHEMA_VERSION - 1);
    struct reader *reader = reader_new(rig.path);
    assert_int_equal(reader_begin(reader, READER_SLICE_US, &err), STATUS_OLDER);
    set_version(rig.path, SCHEMA_VERSION);
    assert_int_equal(ask_number(reader, "SELECT nodes FROM meta"), 3);
    set_version(rig.path, SCHEMA_VERSION + 1);
    assert_int_equal(reader_begin(reader, READER_SLICE_US, &err), STATUS_NEWER);
    reader_free(reader);
    temp_dir_remove(rig.dir);
}

static void test_one_question_is_of_one_moment(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    make_database(rig.path, "UPDATE meta SET nodes = 1");
    struct reader *reader = reader_new(rig.path);
    assert_int_equal(reader_begin(reader, READER_SLICE_US, NULL), STATUS_OK);
    make_database(rig.path, "UPDATE meta SET nodes = 2, commits = commits + 1");
    assert_int_equal(reader_number(reader, "SELECT nodes FROM meta", -1), 1);
    assert_int_equal(reader_number_of(reader, "SELECT ?1 - ?2", KEYS(7, 2), -1), 5);
    assert_int_equal(reader_number_of(reader, "SELECT id FROM meta WHERE id = ?1", KEYS(9), -1),
                     -1);
    assert_int_equal(reader_end(reader), READER_ANSWERED);
    assert_int_equal(ask_number(reader, "SELECT nodes FROM meta"), 2);
    reader_free(reader);
    temp_dir_remove(rig.dir);
}

static const char endless[] = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                              " SELECT count(*) FROM n";

/* A list that an error or the deadline has cut looks as if it were whole to who reads it. */
static void test_what_was_cut_is_no_answer(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    make_database(rig.path, "SELECT 1");
    struct reader *reader = reader_new(rig.path);
    assert_int_equal(reader_begin(reader, 20 * US_PER_MS, NULL), STATUS_OK);
    assert_int_equal(reader_number(reader, endless, -1), -1);
    assert_int_equal(reader_end(reader), READER_LATE);
    assert_int_equal(reader_begin(reader, READER_SLICE_US, NULL), STATUS_OK);
    assert_null(reader_statement(reader, "SELECT nothing FROM nowhere"));
    assert_int_equal(reader_end(reader), READER_FAILED);
    assert_int_equal(ask_number(reader, "SELECT 4"), 4);
    reader_free(reader);
    temp_dir_remove(rig.dir);
}

static void test_statements_come_and_go(void **state)
{
    (void)state;
    struct rig rig;
    char sql[64];
    rig_init(&rig);
    make_database(rig.path, "SELECT 1");
    struct reader *reader = reader_new(rig.path);
    for (int i = 0; i < 3 * READER_STATEMENTS; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT %d", i);
        assert_int_equal(ask_number(reader, sql), i);
    }
    assert_int_equal(reader_begin(reader, READER_SLICE_US, NULL), STATUS_OK);
    struct statement *one = reader_statement(reader, "SELECT 1");
    assert_ptr_equal(reader_statement(reader, "SELECT 1"), one);
    /* one place is the look at meta */
    for (int i = 2; i < READER_STATEMENTS; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT %d", i);
        assert_non_null(reader_statement(reader, sql));
    }
    assert_null(reader_statement(reader, "SELECT 1000"));
    assert_int_equal(reader_end(reader), READER_FAILED);
    reader_free(reader);
    temp_dir_remove(rig.dir);
}

static void test_pool(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    struct readers *readers = readers_new(rig.path, 2);
    struct reader *a = readers_take(readers, clock_mono());
    struct reader *b = readers_take(readers, clock_mono());
    assert_true(a != NULL && b != NULL && a != b);
    assert_null(readers_take(readers, clock_mono() + 5 * US_PER_MS));
    readers_give(readers, a);
    assert_ptr_equal(readers_take(readers, clock_mono()), a);
    readers_free(readers);
    temp_dir_remove(rig.dir);
}

static void test_watch_notices_commits(void **state)
{
    (void)state;
    struct rig rig;
    struct commit_seen seen;
    rig_init(&rig);
    struct commit_watch *watch = commit_watch_start(rig.path);
    const mono_us until = clock_mono() + 20 * US_PER_S;
    assert_true(commit_watch_wait(watch, 0, until, &seen));
    assert_false(seen.is_readable);
    make_database(rig.path, "UPDATE meta SET commits = commits + 1");
    while (!seen.is_readable)
        assert_true(commit_watch_wait(watch, seen.generation, until, &seen));
    assert_int_equal(seen.observation, 0);
    make_database(rig.path, "INSERT INTO observations (id, transmission_id, observer_id, direction,"
                            " path_size, path, source_id, receipt_ms) VALUES (11,1,1,0,1,x'',1,1);"
                            "UPDATE meta SET commits = commits + 1");
    /* Opening it for that may be noticed, too. */
    while (seen.observation != 11)
        assert_true(commit_watch_wait(watch, seen.generation, until, &seen));
    assert_int_equal(unlink(rig.path), 0);
    assert_true(commit_watch_wait(watch, seen.generation, until, &seen));
    assert_false(seen.is_readable);
    commit_watch_stop(watch);
    assert_false(commit_watch_wait(watch, seen.generation, until, &seen));
    commit_watch_free(watch);
    temp_dir_remove(rig.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_before_its_database_and_outlives_it),
        cmocka_unit_test(test_a_schema_that_is_not_this_programs_is_not_asked),
        cmocka_unit_test(test_one_question_is_of_one_moment),
        cmocka_unit_test(test_what_was_cut_is_no_answer),
        cmocka_unit_test(test_statements_come_and_go),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_watch_notices_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
