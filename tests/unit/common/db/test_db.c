/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/db/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char dir[64], path[96];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    (void)snprintf(place->dir, sizeof place->dir, "/tmp/weir-db-XXXXXX");
    if (mkdtemp(place->dir) == NULL) {
        free(place);
        return -1;
    }
    (void)snprintf(place->path, sizeof place->path, "%s/a.db", place->dir);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", place->path, suffixes[i]);
        IGNORE(unlink(path), "may not exist");
    }
    int rc = rmdir(place->dir);
    free(place);
    return rc;
}

static int pragma(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(db_prepare(db, sql, &stmt, NULL), STATUS_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int value = sqlite3_column_int(stmt, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return value;
}

static void a_new_file_gets_wal_and_incremental_vacuum(void **state)
{
    const struct place *place = *state;
    sqlite3 *db = NULL;
    struct err err = {0};
    assert_int_equal(db_open_writer(place->path, 4, &db, &err), STATUS_OK);
    assert_int_equal(db_exec(db, "CREATE TABLE t (a)", &err), STATUS_OK);
    assert_int_equal(pragma(db, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(pragma(db, "PRAGMA synchronous"), 1);
    assert_int_equal(pragma(db, "PRAGMA cache_size"), -4096);
    assert_int_equal(pragma(db, "PRAGMA wal_autocheckpoint"), 0);
    assert_int_equal(pragma(db, "PRAGMA journal_size_limit"), 64 << 20);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Packets and positions of people are not for every user of the machine. */
static void a_new_file_is_not_for_everybody(void **state)
{
    const struct place *place = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    sqlite3 *db = NULL;
    struct err err = {0};
    struct stat st;
    char name[200];
    const mode_t old = umask(0);
    assert_int_equal(db_open_writer(place->path, 4, &db, &err), STATUS_OK);
    assert_int_equal(db_exec(db, "CREATE TABLE t (a)", &err), STATUS_OK);
    (void)umask(old);
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        (void)snprintf(name, sizeof name, "%s%s", place->path, suffixes[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    /* One that is there keeps what its owner chose. */
    assert_int_equal(chmod(place->path, 0644), 0);
    assert_int_equal(db_open_writer(place->path, 4, &db, &err), STATUS_OK);
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A look makes nothing beside the file and takes no lock; a name is no URI. */
static void an_immutable_look_leaves_no_trace(void **state)
{
    const struct place *place = *state;
    sqlite3 *db = NULL;
    struct err err = {0};
    char name[128], beside[140];
    assert_int_equal(db_open_immutable(place->path, &db, &err), STATUS_IO);
    (void)snprintf(name, sizeof name, "%s/b?mode=rwc#%%41.db", place->dir);
    assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
    assert_int_equal(db_exec(db, "PRAGMA journal_mode = WAL", &err), STATUS_OK);
    assert_int_equal(db_exec(db, "CREATE TABLE t (a)", &err), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    db = NULL;
    assert_int_equal(db_open_immutable(name, &db, &err), STATUS_OK);
    assert_int_equal(pragma(db, "SELECT count(*) FROM t"), 0);
    assert_int_not_equal(db_exec(db, "INSERT INTO t VALUES (1)", &err), STATUS_OK);
    (void)snprintf(beside, sizeof beside, "%s-wal", name);
    assert_int_not_equal(access(beside, F_OK), 0);
    (void)snprintf(beside, sizeof beside, "%s-shm", name);
    assert_int_not_equal(access(beside, F_OK), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(unlink(name), 0);
}

static void a_reader_waits_for_the_file_and_cannot_write(void **state)
{
    const struct place *place = *state;
    sqlite3 *db = NULL;
    sqlite3 *reader = NULL;
    struct err err = {0};
    assert_int_equal(db_open_reader(place->path, &reader, &err), STATUS_NOT_FOUND);
    assert_null(reader);
    assert_int_equal(db_open_writer(place->path, 4, &db, &err), STATUS_OK);
    assert_int_equal(db_exec(db, "CREATE TABLE t (a)", &err), STATUS_OK);
    assert_int_equal(db_open_reader(place->path, &reader, &err), STATUS_OK);
    assert_int_not_equal(db_exec(reader, "INSERT INTO t VALUES (1)", &err), STATUS_OK);
    /* A temporary table is a write, too, which a read-only file alone would not refuse. */
    assert_int_not_equal(db_exec(reader, "CREATE TEMP TABLE u (a)", &err), STATUS_OK);
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_file_that_is_no_database_is_named(void **state)
{
    const struct place *place = *state;
    FILE *file = fopen(place->path, "w");
    assert_non_null(file);
    for (int i = 0; i < 200; i++)
        assert_true(fputs("this is not a database\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    sqlite3 *db = NULL;
    struct err err = {0};
    assert_int_equal(db_open_writer(place->path, 4, &db, &err), STATUS_CORRUPT);
    assert_null(db);
    assert_non_null(strstr(err.what, "a.db"));
    assert_int_equal(db_open_reader(place->path, &db, &err), STATUS_CORRUPT);
    assert_int_equal(db_open_writer("/nonexistent/folder/a.db", 4, &db, &err), STATUS_IO);
}

/* A file more than are open now is the database's own; its log finds no descriptor. */
static void what_the_system_refused_is_said(void **state)
{
    struct place *place = *state;
    char missing[sizeof place->path + 16];
    struct err err = {0};
    struct rlimit limits;
    sqlite3 *db = NULL;
    (void)snprintf(missing, sizeof missing, "%s/no/a.db", place->dir);
    assert_int_equal(db_open_writer(missing, 2, &db, &err), STATUS_IO);
    assert_non_null(strstr(err.text, strerror(ENOENT)));
    assert_int_equal(db_open_writer(place->path, 2, &db, &err), STATUS_OK);
    assert_int_equal(db_exec(db, "CREATE TABLE t (a)", &err), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    const int next = dup(STDERR_FILENO);
    assert_int_equal(close(next), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limits), 0);
    const struct rlimit few = {(rlim_t)next + 1, limits.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    const enum status status = db_open_writer(place->path, 2, &db, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limits), 0);
    assert_int_equal(status, STATUS_IO);
    assert_non_null(strstr(err.text, strerror(EMFILE)));
}

static void codes_become_our_words(void **state)
{
    (void)state;
    assert_int_equal(db_status(SQLITE_OK), STATUS_OK);
    assert_int_equal(db_status(SQLITE_FULL), STATUS_NO_SPACE);
    assert_int_equal(db_status(SQLITE_BUSY_SNAPSHOT), STATUS_BUSY);
    assert_int_equal(db_status(SQLITE_LOCKED), STATUS_BUSY);
    assert_int_equal(db_status(SQLITE_CONSTRAINT_UNIQUE), STATUS_CONSTRAINT);
    assert_int_equal(db_status(SQLITE_NOTADB), STATUS_CORRUPT);
    assert_int_equal(db_status(SQLITE_NOMEM), STATUS_NO_MEMORY);
    assert_int_equal(db_status(SQLITE_IOERR_FSYNC), STATUS_IO);
    assert_int_equal(db_status(SQLITE_MISUSE), STATUS_IO);
}

int main(void)
{
#define PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        PLACE(a_new_file_gets_wal_and_incremental_vacuum),
        PLACE(a_new_file_is_not_for_everybody),
        PLACE(an_immutable_look_leaves_no_trace),
        PLACE(a_reader_waits_for_the_file_and_cannot_write),
        PLACE(a_file_that_is_no_database_is_named),
        PLACE(what_the_system_refused_is_said),
        cmocka_unit_test(codes_become_our_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
