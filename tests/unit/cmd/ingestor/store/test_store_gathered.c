/* SPDX-License-Identifier: MIT
 *
 * What is counted behind the messages is gathered over slices and put into pieces: what a kill, a
 * change and a leaving row meet in the middle of it. The rules of counting: test_store_late.c. */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_case.h"

#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_retention.h"
#include "common/db/schema.h"

#include <stdio.h>
#include <string.h>

#define HOUR INT64_C(493000)
#define T0   (HOUR * ROLLUP_HOUR_MS) /* 1774800000000 */

/* --- words ------------------------------------------------------------------------------------ */

#define FLOODED (MESHCORE_TXT_MSG << 2 | MESHCORE_FLOOD)

static void hear(const struct fixture_path *path, int64_t receipt_ms)
{
    struct fixture_packet p;
    fixture_over(&p, "A", path, receipt_ms);
    assert_true(fixture_apply(db.store, &p).is_new_observation);
}

/* Each with a path of its own: more rows than are written at once. */
static void hear_many(int count)
{
    for (int i = 0; i < count; i++) {
        const struct fixture_path path = {
            FLOODED, 2, 3, {0xA1, 0xB2, (uint8_t)(i >> 8), (uint8_t)i, 0xF3, 0xF4}};
        hear(&path, T0 + i);
    }
    commit_and_begin();
}

static bool count_some(int64_t until, int64_t rows_max)
{
    struct store_slice slice = {.until = INT64_MAX, .rows_max = rows_max};
    bool at_end = false;
    assert_int_equal(store_late_count(db.store, until, &slice, &at_end), STATUS_OK);
    return at_end;
}

static void count_all(void)
{
    struct store_late_state late;
    assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
    while (!count_some(late.newest, 5000))
        commit_and_begin();
    commit_and_begin();
}

#define PIECES   "SELECT count(*) FROM counted_pieces"
#define POSITION "SELECT position FROM jobs WHERE name = 'count_late'"
#define EDGES    "SELECT count(*) || ' ' || sum(count) FROM neighbor_edges_v"

static void assert_many_are_counted(int count)
{
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "%d %d", 2 * count + 1, 3 * count);
    assert_text_sql(EDGES, wanted);
    (void)snprintf(wanted, sizeof wanted, "%d", 3 * count);
    assert_text_sql("SELECT sum(observations) FROM rollups WHERE kind = 16", wanted);
    assert_text_sql(PIECES, "0");
}

static void slices_write_nothing_before_the_last(void **state)
{
    (void)state;
    hear_many(900);
    for (int i = 0; i < 8; i++)
        assert_false(count_some(900, 100));
    assert_false(store_has_written(db.store));
    assert_int_equal(store_defer(db.store), STATUS_OK);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    IGNORE(count_some(900, 4000), "the packets too; 2,700 rows are put into pieces");
    assert_true(store_has_written(db.store));
    assert_text_sql(POSITION, "0");
    assert_text_sql("SELECT count(*) > 9 FROM counted_pieces", "1");
    int slices = 0;
    for (bool at_end = false; !at_end; slices++) {
        at_end = count_some(900, 1);
        commit_and_begin();
    }
    assert_true(slices > 9);
    assert_text_sql(POSITION, "900");
    assert_many_are_counted(900);
}

/* Else a stream of messages over a limit would keep it at its beginning. */
static void a_record_that_is_taken_back_leaves_what_is_gathered(void **state)
{
    (void)state;
    struct fixture_packet p;
    struct store_result result;
    struct store_late_state late;
    hear_many(700);
    assert_false(count_some(700, 500));
    fixture_over(&p, "A", &(struct fixture_path){FLOODED, 2, 1, {0xA1, 0xB2}}, T0);
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &p.packet, &result), STATUS_OK);
    assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
    assert_int_equal(late.counted, 500);
    count_all();
    assert_many_are_counted(700);
}

/* But not if it had written it, to be counted as it is now. */
static void a_record_that_wrote_what_is_gathered_and_is_taken_back(void **state)
{
    (void)state;
    struct fixture_packet p;
    struct store_result result;
    struct store_late_state late;
    fixture_over(&p, "A", &(struct fixture_path){FLOODED, 2, 1, {0xA1, 0xB2}}, T0);
    assert_true(fixture_apply(db.store, &p).is_new_observation);
    hear_many(700);
    assert_false(count_some(701, 500));
    p.packet.receipt_ms = T0 - 1;
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &p.packet, &result), STATUS_OK);
    assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
    assert_int_equal(late.counted, 0);
    count_all();
    assert_text_sql(EDGES, "1402 2101");
    assert_text_sql("SELECT sum(observations) FROM rollups WHERE kind = 16", "2101");
}

/* A kill between any two transactions. */
static void pieces_go_on_where_they_were(void **state)
{
    (void)state;
    hear_many(600);
    IGNORE(count_some(600, 400), "gathered, and lost");
    int64_t newest = 600;
    for (bool at_end = false; !at_end;) {
        assert_int_equal(store_commit(db.store), STATUS_OK);
        fixture_db_reopen(&db);
        assert_int_equal(store_begin(db.store, false), STATUS_OK);
        at_end = count_some(newest, 2000);
        if (!at_end) { /* half of it is lost */
            commit_and_begin();
            IGNORE(count_some(newest, 1), "rolled back");
            store_rollback(db.store);
            assert_int_equal(store_begin(db.store, false), STATUS_OK);
        }
    }
    assert_many_are_counted(600);
}

/* One that changes behind its turn, while what it was is gathered, or in pieces. */
static void a_row_that_changes_meanwhile_counts_as_it_is(void **state)
{
    (void)state;
    static const int64_t rows_max[] = {500, 5000};
    for (size_t i = 0; i < ARRAY_LEN(rows_max); i++) {
        struct fixture_packet p;
        fixture_over(&p, "A", &(struct fixture_path){FLOODED, 2, 1, {0xA1, 0xB2}}, T0);
        assert_true(fixture_apply(db.store, &p).is_new_observation);
        hear_many(700);
        assert_false(count_some(701, rows_max[i]));
        p.envelope.packet.raw[0] = MESHCORE_TXT_MSG << 2 | MESHCORE_DIRECT;
        p.frame.route = MESHCORE_DIRECT;
        p.packet.receipt_ms = T0 - ROLLUP_HOUR_MS;
        assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
        commit_and_begin();
        count_all();
        assert_many_are_counted(700);
        assert_text_sql("SELECT group_concat((hour - 493000) || ':' || n) FROM (SELECT hour,"
                        " sum(observations) AS n FROM rollups WHERE kind = 10 GROUP BY hour)",
                        "-1:1,0:700");
        fixture_db_close(&db);
        fixture_db_open(&db);
        assert_int_equal(store_begin(db.store, false), STATUS_OK);
    }
}

static void what_leaves_meanwhile_has_been_counted(void **state)
{
    (void)state;
    static const int64_t rows_max[] = {500, 5000};
    for (size_t i = 0; i < ARRAY_LEN(rows_max); i++) {
        hear_many(700);
        assert_false(count_some(700, rows_max[i]));
        commit_and_begin();
        struct store_walk walk = {.cutoff_ms = T0 + 400,
                                  .position = 1,
                                  .budget = 9999,
                                  .stays_max = 9999,
                                  .oldest_ms = INT64_MAX};
        while (!walk.is_at_end) {
            struct store_slice slice = {.until = INT64_MAX, .rows_max = 300};
            assert_int_equal(store_walk_packets(db.store, &walk, &slice), STATUS_OK);
            commit_and_begin();
        }
        count_all();
        assert_text_sql(EDGES, "601 900");
        assert_text_sql("SELECT sum(observations) FROM rollups WHERE kind = 16", "2100");
        fixture_db_close(&db);
        fixture_db_open(&db);
        assert_int_equal(store_begin(db.store, false), STATUS_OK);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(slices_write_nothing_before_the_last),
        CASE(a_record_that_is_taken_back_leaves_what_is_gathered),
        CASE(a_record_that_wrote_what_is_gathered_and_is_taken_back),
        CASE(pieces_go_on_where_they_were),
        CASE(a_row_that_changes_meanwhile_counts_as_it_is),
        CASE(what_leaves_meanwhile_has_been_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
