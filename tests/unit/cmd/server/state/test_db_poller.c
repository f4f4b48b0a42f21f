/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/state/db_poller.h"
#include "common/db/db.h"
#include "common/db/schema.h"
#include "tests/support/temp_dir.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 13 and 14: of a clock that was ten days ahead for a moment, just before 15 */
static const char ROWS[] =
    "INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path, "
    "source_id, receipt_ms)"
    " VALUES (11,1,1,0,1,x'',1,1), (12,1,2,0,1,x'',1,(unixepoch() - 7200) * 1000),"
    " (13,1,5,0,1,x'',1,(unixepoch() + 864000) * 1000),"
    " (14,1,6,0,1,x'',1,(unixepoch() + 864001) * 1000),"
    " (15,1,3,0,1,x'',1,unixepoch() * 1000), (16,1,4,0,1,x'',1,unixepoch() * 1000);"
    "INSERT INTO nodes (public_key, role, first_ms, last_ms, advert_time)"
    " VALUES (randomblob(32), 2, 1, unixepoch() * 1000, 1), (randomblob(32), 1, 1, 1, 1);"
    "INSERT INTO hours (hour, first_observation, last_observation) VALUES (7, 11, 11), (9, 12, 16);"
    "UPDATE meta SET transmissions = 1, observations = 4, nodes = 2, observers = 3;";

static void make_database(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(db_open_writer(path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(schema_migrate(db, NULL), STATUS_OK);
    assert_int_equal(db_exec(db, sql, NULL), STATUS_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The next state that differs; it comes with one of the poller's next turns. */
static void wait_for_change(struct db_poller *poller, uint64_t before, struct db_state *out)
{
    const mono_us deadline = clock_mono() + 10 * US_PER_S;
    while (db_poller_generation(poller) == before && clock_mono() < deadline)
        (void)poll(NULL, 0, 5);
    assert_true(db_poller_generation(poller) != before);
    db_poller_state(poller, out);
}

/* Of a database that was never read, every figure is unknown. */
static void assert_nothing_is_known(const struct db_state *state)
{
    struct db_state unknown = {.polled_unix = DB_UNKNOWN};
    db_state_forget(&unknown);
    assert_true(unknown.transmissions == DB_UNKNOWN && unknown.look.sensors == DB_UNKNOWN);
    unknown.last_status = state->last_status; /* the first poll may be over */
    assert_memory_equal(state, &unknown, sizeof unknown);
    assert_true(db_state_bytes(state) == DB_UNKNOWN);
}

/* What one answer shows together was read together: a node and a packet that come at the
 * same moment appear at the same moment. */
static void test_totals_are_of_one_look(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    temp_dir_make(dir);
    temp_dir_path(dir, "weir.db", path);
    make_database(path, "UPDATE meta SET commits = 1");
    struct db_poller *poller = db_poller_start(path);
    assert_non_null(poller);
    struct db_state seen;
    wait_for_change(poller, 0, &seen);
    assert_int_equal(seen.look.nodes, 0);
    sqlite3 *db = NULL;
    assert_int_equal(db_open_writer(path, 2, &db, NULL), STATUS_OK);
    for (int64_t n = 1; n <= 3; n++) {
        assert_int_equal(
            db_exec(db,
                    "BEGIN; INSERT INTO nodes (public_key, role, first_ms, last_ms, advert_time)"
                    " VALUES (randomblob(32), 2, 1, unixepoch() * 1000, 1);"
                    "UPDATE meta SET transmissions = transmissions + 1, nodes = nodes + 1; COMMIT",
                    NULL),
            STATUS_OK);
        do {
            wait_for_change(poller, db_poller_generation(poller), &seen);
            assert_true(seen.look.nodes_week == seen.look.nodes);
            assert_true(seen.look.repeaters == seen.look.transmissions);
        } while (seen.look.nodes != n);
    }
    db_poller_stop(poller);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    temp_dir_remove(dir);
}

static void test_it_waits_reads_and_follows_a_new_file(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    char other[TEMP_PATH_MAX];
    temp_dir_make(dir);
    temp_dir_path(dir, "weir.db", path);
    temp_dir_path(dir, "other.db", other);
    struct db_poller *poller = db_poller_start(path);
    assert_non_null(poller);
    struct db_state seen;
    db_poller_state(poller, &seen);
    assert_int_equal(seen.polled_mono, 0);
    assert_nothing_is_known(&seen);
    make_database(other, ROWS);
    uint64_t before = db_poller_generation(poller);
    assert_int_equal(rename(other, path), 0); /* whole at once: no poll sees half of it */
    wait_for_change(poller, before, &seen);
    assert_int_equal(seen.last_status, STATUS_OK);
    assert_true(seen.polled_mono > 0 && seen.page_size > 0 && seen.page_count > 0);
    assert_int_equal(seen.transmissions, 1);
    assert_int_equal(seen.observations, 4);
    assert_int_equal(seen.observers, 3);
    assert_int_equal(seen.nodes, 2);
    assert_memory_equal(&seen.look,
                        (&(struct db_look){.transmissions = 1,
                                           .observations = 4,
                                           .observers = 3,
                                           .nodes = 2,
                                           .observations_hour = 4,
                                           .observations_day = 5,
                                           .nodes_week = 1,
                                           .repeaters = 1,
                                           .companions = 1,
                                           .oldest_unix = 7 * INT64_C(3600)}),
                        sizeof seen.look);
    make_database(other, "PRAGMA user_version = 99");
    before = db_poller_generation(poller);
    assert_int_equal(rename(other, path), 0);
    wait_for_change(poller, before, &seen);
    assert_int_equal(seen.last_status, STATUS_NEWER);
    assert_int_equal(seen.schema_version, 99);
    db_poller_stop(poller);
    temp_dir_remove(dir);
}

/* An import puts years of old rows behind those of today: the search by ids says that nothing came
 * in the last day, the sums by hour know better, so nothing is said. */
static void test_rows_out_of_order_are_not_counted(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    temp_dir_make(dir);
    temp_dir_path(dir, "weir.db", path);
    make_database(
        path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
        " INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
        " source_id, receipt_ms) SELECT i, i, 1, 0, 1, x'', 1,"
        " iif(i <= 100, unixepoch() - 7200, 1000000000) * 1000 FROM n;"
        "INSERT INTO rollups (kind, key, hour, observations, transmissions)"
        " VALUES (0, 0, unixepoch() / 3600 - 2, 100, 100);");
    struct db_poller *poller = db_poller_start(path);
    assert_non_null(poller);
    struct db_state seen;
    wait_for_change(poller, 0, &seen);
    assert_int_equal(seen.last_status, STATUS_OK);
    assert_true(seen.look.observations_day == DB_UNKNOWN);
    assert_true(seen.look.observations_hour == DB_UNKNOWN);
    assert_int_equal(seen.look.nodes_week, 0);
    db_poller_stop(poller);
    temp_dir_remove(dir);
}

/* A log without a name holds rows that no other reader sees: a new connection at the next poll. */
static void test_it_follows_a_new_log(void **state)
{
    (void)state;
    char dir[TEMP_DIR_MAX];
    char path[TEMP_PATH_MAX];
    char wal[TEMP_PATH_MAX];
    char shm[TEMP_PATH_MAX];
    temp_dir_make(dir);
    temp_dir_path(dir, "weir.db", path);
    temp_dir_path(dir, "weir.db-wal", wal);
    temp_dir_path(dir, "weir.db-shm", shm);
    make_database(path, "UPDATE meta SET commits = 7");
    struct db_poller *poller = db_poller_start(path);
    assert_non_null(poller);
    struct db_state seen;
    wait_for_change(poller, 0, &seen);
    assert_int_equal(seen.commits, 7);
    const uint64_t before = db_poller_generation(poller);
    assert_int_equal(unlink(wal), 0);
    assert_int_equal(unlink(shm), 0);
    sqlite3 *db = NULL;
    assert_int_equal(db_open_writer(path, 2, &db, NULL), STATUS_OK);
    assert_int_equal(db_exec(db, "UPDATE meta SET commits = 8", NULL), STATUS_OK);
    wait_for_change(poller, before, &seen);
    while (seen.commits != 8) /* the change of the log's size may come first */
        wait_for_change(poller, db_poller_generation(poller), &seen);
    db_poller_stop(poller);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    temp_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_waits_reads_and_follows_a_new_file),
        cmocka_unit_test(test_it_follows_a_new_log),
        cmocka_unit_test(test_totals_are_of_one_look),
        cmocka_unit_test(test_rows_out_of_order_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
