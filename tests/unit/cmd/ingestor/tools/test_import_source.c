/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/tools/import_source.h"
#include "tests/support/temp_dir.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

static void exec(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* In WAL mode, closed as it should be: the WAL is gone. */
static void make_wal_database(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    exec(db, "PRAGMA journal_mode = wal");
    exec(db, "CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT)");
    exec(db, "CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER)");
    exec(db, "INSERT INTO observations (transmission_id) VALUES (1), (2)");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void reads_a_wal_database_in_a_folder_without_write_permission(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    temp_dir_make(dir);
    make_wal_database(temp_dir_path(dir, "meshcore.db", path));
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    /* The superuser may write anywhere, so it becomes somebody else for a while. */
    const bool is_root = getuid() == 0;
    if (is_root)
        assert_int_equal(setresuid(NOBODY, NOBODY, 0), 0);
    struct import_source *source = NULL;
    struct err err = {0};
    int64_t rows = 0;
    enum status status = import_source_open(path, &source, &err);
    if (status == STATUS_OK)
        status = import_source_count(source, IMPORT_OBSERVATIONS, 0, &rows, &err);
    import_source_close(source);
    if (is_root)
        assert_int_equal(setresuid(0, 0, 0), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    temp_dir_remove(dir);
    assert_string_equal(status == STATUS_OK ? "" : err.text, "");
    assert_int_equal(rows, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_wal_database_in_a_folder_without_write_permission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
