/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/db/db.h"
#include "common/db/db_files.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OTHER_USER 65534

struct place {
    char dir[TEMP_DIR_MAX], path[TEMP_PATH_MAX];
    struct db_files files;
    sqlite3 *db;
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    temp_dir_make(place->dir);
    temp_dir_path(place->dir, "a.db", place->path);
    assert_int_equal(db_open_writer(place->path, 2, &place->db, NULL), STATUS_OK);
    assert_int_equal(db_exec(place->db, "CREATE TABLE t (a)", NULL), STATUS_OK);
    assert_int_equal(db_files_name(place->path, &place->files, NULL), STATUS_OK);
    assert_int_equal(db_files_note(&place->files, NULL), STATUS_OK);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    assert_int_equal(sqlite3_close(place->db), SQLITE_OK);
    temp_dir_remove(place->dir);
    free(place);
    return 0;
}

static void make_file(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

static void each_file_that_loses_its_name_is_told(void **state)
{
    struct place *place = *state;
    char aside[TEMP_PATH_MAX];
    temp_dir_path(place->dir, "aside", aside);
    assert_int_equal(db_files_lost(&place->files, place->path), DB_FILE_COUNT);
    for (enum db_file i = 0; i < DB_FILE_COUNT; i++) {
        const char *path = place->files.paths[i];
        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(db_files_lost(&place->files, place->path), i);
        make_file(path);
        assert_int_equal(db_files_lost(&place->files, place->path), i);
        assert_false(db_files_is_named(&place->files, i));
        struct db_files other = place->files;
        assert_int_equal(db_files_note(&other, NULL), STATUS_REPLACED); /* nobody has it open */
        assert_int_equal(rename(aside, path), 0);
        assert_true(db_files_is_named(&place->files, i));
    }
    assert_int_equal(db_files_lost(&place->files, place->path), DB_FILE_COUNT);
}

static void a_link_leads_to_the_same_names(void **state)
{
    struct place *place = *state;
    char link[TEMP_PATH_MAX];
    char other[TEMP_PATH_MAX];
    struct db_files files;
    temp_dir_path(place->dir, "link.db", link);
    temp_dir_path(place->dir, "other.db", other);
    assert_int_equal(symlink("a.db", link), 0);
    assert_int_equal(db_files_name(link, &files, NULL), STATUS_OK);
    assert_string_equal(files.paths[DB_FILE_MAIN], place->files.paths[DB_FILE_MAIN]);
    assert_string_equal(files.paths[DB_FILE_WAL], place->files.paths[DB_FILE_WAL]);
    assert_int_equal(db_files_lost(&place->files, link), DB_FILE_COUNT);
    /* Turned to another file: the one that is open still has its own name. */
    make_file(other);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("other.db", link), 0);
    assert_int_equal(db_files_lost(&place->files, link), DB_FILE_MAIN);
    /* What the link leads to need not exist. */
    assert_int_equal(unlink(other), 0);
    assert_int_equal(db_files_name(link, &files, NULL), STATUS_OK);
    assert_non_null(strstr(files.paths[DB_FILE_MAIN], "/other.db"));
}

static void the_log_stays_when_the_writer_ends(void **state)
{
    struct place *place = *state;
    assert_int_equal(sqlite3_close(place->db), SQLITE_OK);
    place->db = NULL;
    struct stat st;
    assert_int_equal(stat(place->files.paths[DB_FILE_WAL], &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(stat(place->files.paths[DB_FILE_SHM], &st), 0);
}

/* As a user who owns nothing of it; the child's result is its exit code. */
static int as_other_user(int (*body)(const struct place *), const struct place *place)
{
    const pid_t pid = fork();
    if (pid == 0)
        _exit(setgid(OTHER_USER) == 0 && setuid(OTHER_USER) == 0 ? body(place) : 99);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int open_as_reader(const struct place *place)
{
    sqlite3 *db = NULL;
    return (int)db_open_reader(place->path, &db, NULL);
}

static int is_told_who_may_read(const struct place *place)
{
    sqlite3 *db = NULL;
    struct err err = {0};
    const enum status status = db_open_reader(place->path, &db, &err);
    return status == STATUS_IO && strstr(err.text, "run as its owner (0) or in its group") != NULL;
}

static int is_told_of_the_folder(const struct place *place)
{
    sqlite3 *db = NULL;
    struct err err = {0};
    const enum status status = db_open_reader(place->path, &db, &err);
    return status == STATUS_IO && strstr(err.text, "may not enter its folder") != NULL;
}

static int explain(const struct place *place)
{
    char text[PATH_MAX + 200] = "";
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "belongs to uid %u", (unsigned)OTHER_USER - 1);
    return db_files_explain_unwritable(&place->files, text, sizeof text) &&
           strstr(text, wanted) != NULL && strstr(text, "a.db-shm") != NULL;
}

static int drop_foreign_log(const struct place *place)
{
    return db_files_drop_foreign_log(&place->files);
}

static void a_reader_never_makes_the_log_of_another_user(void **state)
{
    struct place *place = *state;
    if (geteuid() != 0) {
        print_message("SKIPPED: needs root, to be two users\n");
        skip();
    }
    assert_int_equal(chmod(place->dir, 0700), 0);
    assert_int_equal(as_other_user(is_told_of_the_folder, place), true);
    assert_int_equal(chmod(place->dir, 0777), 0);
    assert_int_equal(chmod(place->path, 0640), 0);
    assert_int_equal(as_other_user(is_told_who_may_read, place), true);
    for (enum db_file i = 0; i < DB_FILE_COUNT; i++) /* made for the owner's group alone */
        assert_int_equal(chmod(place->files.paths[i], 0644), 0);
    assert_int_equal(sqlite3_close(place->db), SQLITE_OK);
    place->db = NULL;
    assert_int_equal(as_other_user(open_as_reader, place), STATUS_OK);
    static const enum db_file log[] = {DB_FILE_WAL, DB_FILE_SHM};
    for (size_t i = 0; i < ARRAY_LEN(log); i++) {
        const char *path = place->files.paths[log[i]];
        assert_int_equal(unlink(path), 0);
        assert_int_equal(as_other_user(open_as_reader, place), STATUS_AGAIN);
        assert_int_equal(access(path, F_OK), -1);
        make_file(path);
    }
}

static void a_log_that_locks_us_out_is_named_and_dropped_when_empty(void **state)
{
    struct place *place = *state;
    if (geteuid() != 0) {
        print_message("SKIPPED: needs root, to be two users\n");
        skip();
    }
    const char *shm = place->files.paths[DB_FILE_SHM];
    const char *wal = place->files.paths[DB_FILE_WAL];
    assert_int_equal(sqlite3_close(place->db), SQLITE_OK);
    place->db = NULL;
    assert_int_equal(chown(place->dir, OTHER_USER, OTHER_USER), 0);
    assert_int_equal(chown(place->path, OTHER_USER, OTHER_USER), 0);
    assert_int_equal(chown(wal, OTHER_USER, OTHER_USER), 0);
    assert_int_equal(chown(shm, OTHER_USER, OTHER_USER), 0);
    assert_int_equal(as_other_user(drop_foreign_log, place), false); /* all is ours */
    assert_int_equal(chown(shm, OTHER_USER - 1, OTHER_USER - 1), 0);
    assert_int_equal(as_other_user(explain, place), true);
    assert_int_equal(truncate(wal, 4096), 0);
    assert_int_equal(as_other_user(drop_foreign_log, place), false); /* it may hold rows */
    assert_int_equal(truncate(wal, 0), 0);
    assert_int_equal(as_other_user(drop_foreign_log, place), true);
    assert_int_equal(access(shm, F_OK), -1);
    assert_int_equal(access(wal, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_file_that_loses_its_name_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_leads_to_the_same_names, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_stays_when_the_writer_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_never_makes_the_log_of_another_user, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_log_that_locks_us_out_is_named_and_dropped_when_empty,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
