/* SPDX-License-Identifier: MIT
 *
 * A row that its table refuses, at once or at the commit, in a record with a savepoint or without.
 */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_case.h"

#include <string.h>

#define T0 INT64_C(1774800000000)

static void a_refused_row_is_a_constraint_and_harms_only_itself(void **state)
{
    (void)state;
    struct fixture_packet p;
    struct store_result r;
    fixture_text(&p, "A", 1, 2, T0);
    p.envelope.packet.raw_len = 1; /* the schema wants a frame */
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &p.packet, &r), STATUS_OK);
    assert_int_equal(store_release(db.store, r.outcome), STATUS_CONSTRAINT);
    assert_non_null(strstr(store_error(db.store), "CHECK"));
    assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    fixture_text(&p, "A", 2, 2, T0);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    assert_text_sql("SELECT observations FROM meta", "1");
}

/* Without a savepoint nothing of it can be taken back alone. */
static void a_refused_row_without_a_savepoint_costs_the_batch(void **state)
{
    (void)state;
    struct fixture_packet p;
    struct store_result r;
    store_rollback(db.store);
    fixture_exec(&db, "CREATE TRIGGER refuse BEFORE INSERT ON observers WHEN NEW.identity = 'B'"
                      " BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    fixture_text(&p, "A", 2, 2, T0);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    fixture_text(&p, "B", 1, 2, T0);
    assert_int_equal(store_record(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &p.packet, &r), STATUS_CONSTRAINT);
    assert_int_equal(store_rollback_record(db.store), STATUS_AGAIN);
    store_rollback(db.store);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_text_sql("SELECT count(*) FROM transmissions", "0");
    fixture_text(&p, "A", 2, 2, T0);
    assert_true(fixture_apply(db.store, &p).is_new_transmission);
}

/* A row that waits for the commit is refused there; each record with a savepoint bears its own. */
static void a_row_refused_at_the_commit_is_found_with_savepoints(void **state)
{
    (void)state;
    struct fixture_packet p[3];
    struct store_result r;
    for (uint32_t i = 0; i < 3; i++)
        fixture_text(&p[i], "A", i, i, T0);
    store_rollback(db.store);
    fixture_exec(&db,
                 "CREATE TRIGGER refuse BEFORE INSERT ON observations WHEN length(NEW.path) = 1"
                 " BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    for (size_t i = 0; i < 3; i++)
        (void)fixture_apply(db.store, &p[i]);
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &p[1].packet, &r), STATUS_OK);
    assert_int_equal(store_release(db.store, r.outcome), STATUS_OK); /* a copy brings no row */
    assert_int_equal(store_commit(db.store), STATUS_CONSTRAINT);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_savepoint(db.store), STATUS_OK);
        assert_int_equal(store_packet(db.store, &p[i].packet, &r), STATUS_OK);
        assert_int_equal(store_release(db.store, r.outcome),
                         i == 1 ? STATUS_CONSTRAINT : STATUS_OK);
        if (i == 1)
            assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    }
    assert_text_sql("SELECT count(*) FROM observations", "2");
    assert_text_sql("SELECT count(*) FROM transmissions", "2");
    assert_text_sql("SELECT observations FROM meta", "2");
}

/* What waits when a savepoint begins is not rolled back with it. */
static void a_record_rolled_back_takes_no_other_with_it(void **state)
{
    (void)state;
    struct fixture_packet p[2];
    struct store_result r;
    fixture_text(&p[0], "A", 0, 0, T0);
    (void)fixture_apply(db.store, &p[0]);
    fixture_text(&p[1], "A", 0, 1, T0 - 1); /* the same content, earlier */
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &p[1].packet, &r), STATUS_OK);
    assert_false(r.is_new_transmission);
    assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    assert_int_equal(store_commit(db.store), STATUS_OK);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_text_sql("SELECT first_ms FROM transmissions", "1774800000000");
    assert_text_sql("SELECT observation_count FROM transmissions", "1");
}

/* Whose the refused row is, is not known here: it need not be the record's with the savepoint. */
static void a_refused_row_among_others_costs_the_batch(void **state)
{
    (void)state;
    struct fixture_packet p[2];
    struct store_result r;
    for (uint32_t i = 0; i < 2; i++)
        fixture_text(&p[i], "A", i, i, T0);
    store_rollback(db.store);
    fixture_exec(&db,
                 "CREATE TRIGGER refuse BEFORE INSERT ON observations WHEN length(NEW.path) = 0"
                 " BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    (void)fixture_apply(db.store, &p[0]);
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &p[1].packet, &r), STATUS_OK);
    assert_int_equal(store_release(db.store, r.outcome), STATUS_AGAIN);
    store_rollback(db.store);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_text_sql("SELECT count(*) FROM transmissions", "0");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_refused_row_is_a_constraint_and_harms_only_itself),
        CASE(a_refused_row_without_a_savepoint_costs_the_batch),
        CASE(a_row_refused_at_the_commit_is_found_with_savepoints),
        CASE(a_record_rolled_back_takes_no_other_with_it),
        CASE(a_refused_row_among_others_costs_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
