/* SPDX-License-Identifier: MIT
 *
 * The table hours, rule by rule: stretches of ids, what moves, what a migration replaces. That
 * every row is found in its hour whatever the order is test_store_model's. */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_case.h"

#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_retention.h"
#include "common/db/schema.h"

#include <stdio.h>

#define HOUR INT64_C(493000)
#define T0   (HOUR * ROLLUP_HOUR_MS)

/* "hour:first-last first-last" behind 493000; of transmissions, where there are any. */
#define HOURS                                                                                      \
    "SELECT group_concat((hour - 493000) || ':' || first_observation || '-' || last_observation"   \
    " || coalesce(' ' || first_transmission || '-' || last_transmission, ''), ',')"                \
    " FROM (SELECT * FROM hours ORDER BY hour, first_observation)"

static void hear(const char *observer, uint32_t seed, int64_t receipt_ms)
{
    struct fixture_packet p;
    fixture_text(&p, observer, seed, 0, receipt_ms);
    (void)fixture_apply(db.store, &p);
}

/* The next observation gets this id. */
static void go_on_at(int64_t id)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO observations (id, transmission_id, observer_id, direction,"
                   " path_size, path, source_id, receipt_ms) VALUES (%lld, 9999, %lld, 1, 1, x'',"
                   " 1, 0)",
                   (long long)id - 1, (long long)id);
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db, sql);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

static void a_batch_stretches_what_lies_near_and_else_begins_anew(void **state)
{
    (void)state;
    hear("A", 1, T0);
    hear("B", 1, T0 + 1);
    hear("A", 2, T0 + ROLLUP_HOUR_MS);
    assert_text_sql(HOURS, "0:1-2 1-1,1:3-3 2-2");
    hear("A", 3, T0 + 2);
    assert_text_sql(HOURS, "0:1-4 1-3,1:3-3 2-2");
    go_on_at(4 + HOURS_GAP); /* just near enough */
    hear("B", 3, T0 + 3);
    assert_text_sql(HOURS, "0:1-10004 1-3,1:3-3 2-2");
    go_on_at(10005 + HOURS_GAP);
    hear("B", 2, T0 + 4); /* and first of all */
    assert_text_sql(HOURS, "0:1-10004 1-3,0:20005-20005 2-2,1:3-3 2-2");
    hear("C", 2, T0 + ROLLUP_HOUR_MS); /* only a copy of that hour */
    assert_text_sql(HOURS, "0:1-10004 1-3,0:20005-20005 2-2,1:3-3 2-2,1:20006-20006");
}

/* Rows that are near each other only because of what came in between become one. */
static void two_stretches_that_meet_become_one(void **state)
{
    (void)state;
    hear("A", 1, T0);
    hear("A", 2, T0 + ROLLUP_HOUR_MS);
    go_on_at(9000);
    hear("A", 3, T0 + ROLLUP_HOUR_MS);
    go_on_at(18000);
    hear("A", 4, T0);
    assert_text_sql(HOURS, "0:1-1 1-1,0:18000-18000 4-4,1:2-9000 2-3");
    hear("A", 3, T0 + 5); /* the earlier copy of 9000 */
    assert_text_sql(HOURS, "0:1-18000 1-4,1:2-9000 2-3");
}

/* The old row's id, not one that stretches over all that lies between. */
static void a_copy_of_an_earlier_hour_moves_its_row_alone(void **state)
{
    (void)state;
    hear("A", 1, T0 + ROLLUP_HOUR_MS);
    go_on_at(50000);
    hear("A", 2, T0);
    hear("A", 1, T0 + 3);
    assert_text_sql(HOURS, "0:1-1 1-1,0:50000-50000 2-2,1:1-1 1-1");
    hear("A", 1, T0 + 2); /* of the same hour: nothing moves */
    assert_text_sql(HOURS, "0:1-1 1-1,0:50000-50000 2-2,1:1-1 1-1");
}

static void a_record_that_is_rolled_back_leaves_no_hour(void **state)
{
    (void)state;
    struct fixture_packet p;
    struct store_result result;
    fixture_text(&p, "A", 1, 0, T0);
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &p.packet, &result), STATUS_OK);
    assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    hear("B", 2, T0 + ROLLUP_HOUR_MS);
    assert_text_sql(HOURS, "1:1-1 1-1");
}

static void expire_hours(int64_t now_ms)
{
    struct store_slice slice = {.until = INT64_MAX, .rows_max = 999};
    int64_t position = 0;
    bool at_end = false;
    commit_and_begin();
    assert_int_equal(store_expire(db.store, EXPIRE_HOURS, now_ms, &position, &slice, &at_end),
                     STATUS_OK);
    assert_true(at_end);
}

static void a_stretch_leaves_with_the_last_of_its_rows(void **state)
{
    (void)state;
    hear("A", 1, T0);
    go_on_at(50000);
    hear("A", 2, T0);
    hear("A", 3, T0 + ROLLUP_HOUR_MS);
    expire_hours(T0 + 2 * ROLLUP_HOUR_MS);
    assert_text_sql(HOURS, "0:1-1 1-1,0:50000-50000 2-2,1:50001-50001 3-3");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db, "DELETE FROM observations WHERE id IN (50000, 50001)");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    expire_hours(T0 + ROLLUP_HOUR_MS); /* the hour under way stays */
    assert_text_sql(HOURS, "0:1-1 1-1,1:50001-50001 3-3");
    for (int hour = 2; hour < 300; hour++)
        hear("A", (uint32_t)hour + 10, T0 + hour * ROLLUP_HOUR_MS);
    commit_and_begin();
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db, "DELETE FROM observations WHERE receipt_ms < 1775800000000");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    expire_hours(T0 + 900 * ROLLUP_HOUR_MS);
    assert_text_sql("SELECT count(*) FROM hours WHERE hour < 1775800000000 / 3600000", "0");
    assert_text_sql("SELECT count(*) = (SELECT count(*) FROM observations) FROM hours", "1");
}

/* --- a database of version 6 ------------------------------------------------------------------ */

static const char history[] =
    "UPDATE meta SET derived = 2, transmissions = 3, observations = 4, observers = 1;"
    "INSERT INTO sources VALUES (1, 'broker');"
    "INSERT INTO observers (id, identity, first_ms) VALUES (1, 'A', 0), (2, 'B', 0);"
    "INSERT INTO transmissions (id, hash, type, route, observation_count, first_ms, last_ms, raw)"
    " VALUES (1, x'0000000000000001', 2, 1, 1, 1774800000000, 1774800000000, x'0900'),"
    " (2, x'0000000000000002', 2, 1, 1, 1774803600000, 1774803600000, x'0900'),"
    " (3, x'0000000000000003', 2, 1, 1, 1774800000009, 1774800000009, x'0900');"
    "INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
    " source_id, receipt_ms, route) VALUES"
    " (1, 1, 1, 0, 1, x'', 1, 1774800000000, 1), (2, 2, 1, 0, 1, x'', 1, 1774803600000, 1),"
    " (3, 1, 2, 0, 1, x'', 1, 1774807200000, 1), (4, 3, 1, 1, 1, x'', 1, 1774800000009, 1);"
    "INSERT INTO rollups VALUES (0, 0, 493000, 1, 2), (0, 0, 493001, 1, 1), (0, 0, 493002, 1, 0);"
    "UPDATE jobs SET position = 4 WHERE name = 'count_late'";

static void load_version_6(const char *more)
{
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_db_load(&db, FIXTURES_DIR "/version_6.sql");
    fixture_exec(&db, more);
    fixture_db_reopen(&db);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

static void count_late(int64_t rows_max)
{
    struct store_slice slice = {.until = INT64_MAX, .rows_max = rows_max};
    struct store_late_state late;
    bool at_end = false;
    assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
    assert_int_equal(store_late_count(db.store, late.newest, &slice, &at_end), STATUS_OK);
}

/* What is there already is found in any hour, until it has been looked at; what comes is exact at
 * once. A restart in between changes nothing. */
static void wide_rows_yield_behind_the_messages(void **state)
{
    (void)state;
    load_version_6(history);
    hear("C", 9, T0 + 2 * ROLLUP_HOUR_MS);
    assert_text_sql(HOURS, "0:0-4 0-3,1:0-4 0-3,2:0-4 0-3,2:5-5 4-4");
    count_late(2);
    assert_text_sql(HOURS, "0:0-4 0-3,0:1-1 1-1,1:0-4 0-3,1:2-2 2-2,2:0-4 0-3,2:5-5 4-4");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_db_reopen(&db);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    count_late(2);
    assert_text_sql(HOURS, "0:1-4 1-3,1:2-2 2-2,2:3-5 4-4");
    count_late(99);
    assert_text_sql(HOURS, "0:1-4 1-3,1:2-2 2-2,2:3-5 4-4");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_text_sql(HOURS, "0:1-4 1-3,1:2-2 2-2,2:3-5 4-4");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_batch_stretches_what_lies_near_and_else_begins_anew),
        CASE(two_stretches_that_meet_become_one),
        CASE(a_copy_of_an_earlier_hour_moves_its_row_alone),
        CASE(a_record_that_is_rolled_back_leaves_no_hour),
        CASE(a_stretch_leaves_with_the_last_of_its_rows),
        CASE(wide_rows_yield_behind_the_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
