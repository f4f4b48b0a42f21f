/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/state/integrity.h"
#include "common/db/db.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PAGE_BYTES 4096

/* Enough for a check to take a few milliseconds. */
static const char MANY_ROWS[] =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    " INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
    " source_id, receipt_ms) SELECT i, i, 1, 0, 1, x'', 1, 1 FROM n";

struct box {
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
};

static void make(struct box *box, const char *sql)
{
    sqlite3 *db = NULL;
    temp_dir_make(box->dir);
    temp_dir_path(box->dir, "weir.db", box->path);
    assert_int_equal(db_open_writer(box->path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(schema_migrate(db, NULL), STATUS_OK);
    assert_int_equal(db_exec(db, sql, NULL), STATUS_OK);
    assert_int_equal(db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t root_of(const char *path, const char *table)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(db_open_reader(path, &db, NULL), STATUS_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = ?1",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const int64_t root = sqlite3_column_int64(stmt, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return root;
}

static void spoil(const char *path, const char *table)
{
    char rubbish[PAGE_BYTES];
    memset(rubbish, 0x5a, sizeof rubbish);
    const int64_t root = root_of(path, table);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, (root - 1) * PAGE_BYTES), PAGE_BYTES);
    assert_int_equal(close(fd), 0);
}

/* now: what look is told meanwhile. */
static struct integrity_state wait_for(struct integrity *it, mono_us now)
{
    struct integrity_state state = {0};
    const mono_us deadline = clock_mono() + 120 * US_PER_S;
    while (state.at_unix == 0 && clock_mono() < deadline) {
        integrity_look(it, now);
        integrity_get(it, &state);
        (void)poll(NULL, 0, 1);
    }
    assert_true(state.at_unix > 0);
    return state;
}

static void test_a_sound_one(void **state)
{
    (void)state;
    struct box box;
    make(&box, MANY_ROWS);
    struct integrity *it = integrity_start(box.path, 0);
    assert_non_null(it);
    const struct integrity_state seen = wait_for(it, 0);
    assert_int_equal(seen.verdict, INTEGRITY_SOUND);
    assert_true(seen.tables > 10);
    assert_int_equal(seen.late, 0);
    assert_string_equal(seen.text, "");
    integrity_stop(it);
    temp_dir_remove(box.dir);
}

static void test_a_damaged_one(void **state)
{
    (void)state;
    struct box box;
    make(&box, "INSERT INTO sources (name) VALUES ('main')");
    spoil(box.path, "dead_letter");
    struct integrity *it = integrity_start(box.path, 0);
    assert_non_null(it);
    const struct integrity_state seen = wait_for(it, 0);
    assert_int_equal(seen.verdict, INTEGRITY_DAMAGED);
    assert_string_not_equal(seen.text, "");
    integrity_stop(it);
    temp_dir_remove(box.dir);
}

/* Whatever it was about to say of it, a table that was cut is neither sound nor damaged. */
static void test_what_takes_too_long_is_cut(void **state)
{
    (void)state;
    struct box box;
    make(&box, MANY_ROWS);
    struct integrity *it = integrity_start(box.path, 0);
    assert_non_null(it);
    const struct integrity_state seen = wait_for(it, INT64_MAX);
    assert_int_equal(seen.verdict, INTEGRITY_SOUND);
    assert_true(seen.late > 0);
    integrity_stop(it);
    temp_dir_remove(box.dir);
}

/* In the middle of a check, and before there is a database. */
static void test_it_ends_at_once(void **state)
{
    (void)state;
    struct box box;
    make(&box, MANY_ROWS);
    for (int i = 0; i < 20; i++) {
        struct integrity *it = integrity_start(box.path, 0);
        assert_non_null(it);
        (void)poll(NULL, 0, i);
        integrity_stop(it);
    }
    struct integrity *it = integrity_start("/nowhere/weir.db", 0);
    assert_non_null(it);
    struct integrity_state seen;
    integrity_get(it, &seen);
    assert_int_equal(seen.at_unix, 0);
    integrity_stop(it);
    integrity_stop(NULL);
    integrity_look(NULL, 0);
    integrity_get(NULL, &seen);
    assert_int_equal(seen.verdict, INTEGRITY_UNKNOWN);
    temp_dir_remove(box.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_one),
        cmocka_unit_test(test_a_damaged_one),
        cmocka_unit_test(test_what_takes_too_long_is_cut),
        cmocka_unit_test(test_it_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
