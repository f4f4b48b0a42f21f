/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"
#include "tests/support/store_recount.h"

#include "tests/support/fake_clock.h"
#include "tests/support/store_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0   INT64_C(1774798050000) /* some receipt time */
#define T0_S INT64_C(1774798050)
#define DAY  86400
#define NONE ((double)NAN)

static void use_rules(const struct store_rules *rules)
{
    store_rollback(db.store);
    fixture_db_reopen_with(&db, &(struct store_params){.rules = *rules});
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

static void hear(const char *observer, const struct fixture_advert *advert, int64_t receipt_ms)
{
    struct fixture_packet p;
    fixture_advert(&p, observer, advert, receipt_ms);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
}

/* protocol.md 4.3: a name, a position or nothing may be in an advert; each is as old as the advert
 * that told it. */
static void each_fact_has_a_time_of_its_own(void **state)
{
    (void)state;
    const uint32_t now = (uint32_t)T0_S;
    hear("A", &(struct fixture_advert){1, now + 300, NULL, NONE, NONE, false, false}, T0);
    hear("A", &(struct fixture_advert){1, now + 200, "Middle", NONE, NONE, false, false}, T0 + 1);
    hear("A", &(struct fixture_advert){1, now + 100, "Old", 10, 20, false, false}, T0 + 2);
    assert_text_sql("SELECT name || ' ' || lat || ' ' || (name_time - 1774798050) || ' ' ||"
                    " (position_time - 1774798050) || ' ' || (role_time - 1774798050) || ' ' ||"
                    " (advert_time - 1774798050) || ' ' || advert_count FROM nodes",
                    "Middle 10.0 200 100 300 300 3");
    hear("A", &(struct fixture_advert){1, now + 250, "", 0, 0, false, false}, T0 + 3);
    hear("A", &(struct fixture_advert){1, now + 260, NULL, 91, 20, false, false}, T0 + 4);
    assert_text_sql("SELECT name || ' ' || lat || ' ' || (name_time - 1774798050) || ' ' ||"
                    " (position_time - 1774798050) FROM nodes",
                    "Middle 10.0 200 100");
}

/* Whole adverts, not single values: what a node shows was said together. */
static void of_equally_new_adverts_the_greater_hash_stays(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        const uint8_t key = (uint8_t)(order + 1);
        const struct fixture_advert said[] = {{key, 100, "Alpha", 10, 20, false, false},
                                              {key, 100, "Beta", 10, 19, false, false}};
        struct fixture_packet p[2];
        for (int i = 0; i < 2; i++)
            fixture_advert(&p[i], "A", &said[i], T0);
        IGNORE(fixture_apply(db.store, &p[order]), "looked at below");
        IGNORE(fixture_apply(db.store, &p[1 - order]), "looked at below");
        char sql[128];
        (void)snprintf(sql, sizeof sql,
                       "SELECT name || ' ' || lat || ' ' || lon FROM nodes WHERE id = %d",
                       order + 1);
        const bool is_first = memcmp(p[0].hash, p[1].hash, sizeof p[0].hash) > 0;
        assert_text_sql(sql, is_first ? "Alpha 10.0 20.0" : "Beta 10.0 19.0");
    }
}

/* A repeater without a clock begins at its build date each time it starts (protocol.md 4.3): what
 * it says counts as of its receipt, and a replay of an older advert changes nothing. */
static void a_clock_that_fell_back_is_believed(void **state)
{
    (void)state;
    const uint32_t now = (uint32_t)T0_S;
    const uint32_t build = 1715770800; /* 2024-05-15 */
    const struct fixture_advert renamed = {1, build, "renamed", 2, 2, false, false};
    hear("A", &(struct fixture_advert){1, now, "before", 1, 1, false, false}, T0);
    hear("A", &renamed, T0 + 3600000);
    assert_text_sql("SELECT name || ' ' || lat || ' ' || (name_time - 1774798050) FROM nodes",
                    "renamed 2.0 3600");
    hear("A", &(struct fixture_advert){1, build + 60, "again", 3, 3, false, false}, T0 + 7200000);
    commit_and_begin();
    hear("B", &renamed, T0 + 10800000);
    assert_text_sql("SELECT name || ' ' || lat FROM nodes", "again 3.0");
    hear("A", &(struct fixture_advert){1, build - 60, "third", NONE, NONE, false, false},
         T0 + 14400000);
    assert_text_sql("SELECT name || ' ' || lat FROM nodes", "third 3.0");
}

/* Once an earlier copy comes (of another source's ring, or imported) the words are older, and those
 * of another stored advert may be the newer ones. */
static void an_earlier_copy_gives_way_to_what_came_in_between(void **state)
{
    (void)state;
    const struct fixture_advert old = {1, 100, "old", 1, 1, false, false};
    const struct fixture_advert next = {1, 50, "next", NONE, NONE, false, false};
    hear("A", &next, T0 + 1000000);
    hear("A", &old, T0 + 2000000);
    assert_text_sql("SELECT name || ' ' || lat || ' ' || (name_time - 1774798050) FROM nodes",
                    "old 1.0 2000");
    commit_and_begin();
    store_forget(db.store);
    hear("B", &old, T0);
    assert_text_sql("SELECT name || ' ' || lat || ' ' || (name_time - 1774798050) || ' ' ||"
                    " (position_time - 1774798050) || ' ' || (advert_time - 1774798050) || ' ' ||"
                    " advert_count FROM nodes",
                    "next 1.0 1000 0 1000 2");
}

/* Before, the sender's clock was the time of a name however far it was behind. */
static void what_an_older_program_stored_is_compared_anew(void **state)
{
    (void)state;
    const uint32_t now = (uint32_t)T0_S;
    hear("A", &(struct fixture_advert){1, now, "before", 1, 1, false, false}, T0);
    hear("A", &(struct fixture_advert){1, 100, "renamed", NONE, NONE, false, false}, T0 + 3600000);
    hear("A", &(struct fixture_advert){2, 100, "other", NONE, NONE, false, false}, T0);
    assert_int_equal(store_commit(db.store), STATUS_OK);
    recount_count_late(&db);
    char *wanted = fixture_dump(db.path);
    fixture_exec(&db, "UPDATE nodes SET name = 'before', name_time = 1774798050, role_time ="
                      " 1774798050, advert_time = 1774798050 WHERE id = 1;"
                      "UPDATE nodes SET name_time = 100, role_time = 100, advert_time = 100 WHERE"
                      " id = 2;"
                      "UPDATE nodes SET name_hash = x'', role_hash = x'', position_hash = x'';"
                      "UPDATE meta SET derived = 1; DELETE FROM rollups WHERE kind = 0");
    fixture_db_reopen(&db);
    assert_true(store_needs_rebuild(db.store));
    assert_int_equal(store_catch_up(db.store), STATUS_OK);
    assert_false(store_needs_rebuild(db.store));
    assert_int_equal(fixture_int(&db, "SELECT count(*) FROM rollups WHERE kind = 0"), 0);
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    char *got = fixture_dump(db.path);
    assert_string_equal(got, wanted);
    free(got);
    free(wanted);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

/* A clock of 2096 counts as of the receipt; exactly a day ahead is believed. */
static void a_clock_of_the_future_does_not_freeze_a_node(void **state)
{
    (void)state;
    const uint32_t now = (uint32_t)T0_S;
    hear("A", &(struct fixture_advert){1, 4000000000U, "2096", NONE, NONE, false, false}, T0);
    hear("A", &(struct fixture_advert){1, now + 5, "now", NONE, NONE, false, false}, T0 + 6000);
    assert_text_sql("SELECT name || ' ' || (advert_time - 1774798050) FROM nodes", "now 5");
    hear("A", &(struct fixture_advert){1, now + DAY, "day", NONE, NONE, false, false}, T0);
    assert_text_sql("SELECT name || ' ' || (advert_time - 1774798050) FROM nodes", "day 86400");
    hear("A", &(struct fixture_advert){2, now + DAY + 1, "more", NONE, NONE, false, false}, T0);
    assert_text_sql("SELECT advert_time - 1774798050 FROM nodes WHERE id = 2", "0");
}

/* How new the words of a clock that is ahead are depends on the receipt: on that of the earliest
 * copy, in any order; a copy replayed years later makes them no newer. */
static void copies_of_an_advert_that_is_ahead_agree(void **state)
{
    (void)state;
    const uint32_t ahead = (uint32_t)T0_S + 3 * DAY;
    for (int order = 0; order < 2; order++) {
        const uint8_t key = (uint8_t)(order + 1);
        const struct fixture_advert wild = {key, ahead, "ahead", NONE, NONE, false, false};
        const int64_t late = T0 + INT64_C(2500) * DAY;
        hear("A", &wild, order == 0 ? T0 : late);
        commit_and_begin();
        hear("B", &wild, order == 0 ? late : T0);
        char sql[128];
        (void)snprintf(sql, sizeof sql,
                       "SELECT (name_time - 1774798050) || ' ' || advert_count || ' ' ||"
                       " (last_ms - first_ms) FROM nodes WHERE id = %d",
                       order + 1);
        assert_text_sql(sql, "0 1 216000000");
    }
}

static void a_shared_contact_is_heard_of_not_heard(void **state)
{
    (void)state;
    const struct fixture_advert shared = {1, 100, "X", NONE, NONE, true, false};
    const struct fixture_advert own = {1, 100, "X", NONE, NONE, false, false};
    hear("A", &own, T0 + 50);
    commit_and_begin();
    hear("B", &shared, T0);
    hear("C", &shared, T0 + 900);
    assert_text_sql(
        "SELECT (first_ms - 1774798050000) || ' ' || (last_ms - 1774798050000) FROM nodes", "0 50");
}

static void a_reception_makes_a_node_active_again(void **state)
{
    (void)state;
    const struct fixture_advert own = {1, 100, "X", NONE, NONE, false, false};
    const struct fixture_advert shared = {1, 100, "X", NONE, NONE, true, false};
    const struct fixture_advert next = {1, 200, "X", NONE, NONE, false, false};
    const char *const steps[] = {"1", "0", "0"};
    hear("A", &own, T0);
    for (int step = 0; step < 3; step++) {
        assert_int_equal(store_commit(db.store), STATUS_OK);
        sqlite3 *other = NULL;
        assert_int_equal(sqlite3_open(db.path, &other), SQLITE_OK);
        assert_int_equal(sqlite3_exec(other, "UPDATE nodes SET is_inactive = 1", NULL, NULL, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_close(other), SQLITE_OK);
        assert_int_equal(store_begin(db.store, false), STATUS_OK);
        hear(step == 0   ? "B"
             : step == 1 ? "C"
                         : "A",
             step == 0   ? &shared
             : step == 1 ? &own
                         : &next,
             T0 + step);
        assert_text_sql("SELECT is_inactive FROM nodes", steps[step]);
    }
}

static void is_foreign_goes_with_the_position(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_advert(&p, "A", &(struct fixture_advert){1, 100, "X", 10, 20, false, false}, T0);
    p.packet.is_foreign = true;
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    hear("A", &(struct fixture_advert){1, 300, "X", NONE, NONE, false, false}, T0);
    assert_text_sql("SELECT is_foreign FROM nodes", "1");
    hear("A", &(struct fixture_advert){1, 200, "X", 11, 20, false, false}, T0);
    assert_text_sql("SELECT is_foreign FROM nodes", "0");
}

/* As CoreScope's order: a damaged position is no foreign one, and the audit must know
 * of the damage. */
static void foreign_adverts_are_filtered_behind_the_signature(void **state)
{
    (void)state;
    use_rules(&(struct store_rules){.signatures = SIGNATURE_DROP, .drops_foreign = true});
    for (int i = 0; i < 4; i++) {
        const bool is_forged = i >= 2;
        struct fixture_packet p;
        fixture_advert(&p, "A", &(struct fixture_advert){1, 100, "X", 10, 20, false, is_forged},
                       T0);
        p.packet.is_foreign = true;
        assert_int_equal(fixture_apply(db.store, &p).outcome,
                         is_forged ? OUTCOME_REJECTED_SIGNATURE : OUTCOME_FILTERED_GEO);
    }
    assert_text_sql("SELECT count(*) FROM nodes", "0");
    assert_text_sql("SELECT count(*) FROM transmissions", "0");
    assert_text_sql("SELECT group_concat(reason) FROM dropped_packets", "invalid signature");
}

/* protocol.md 4.3: names may hold control characters and end in the middle of a character. */
static void names_are_clean_and_cut_at_a_character(void **state)
{
    (void)state;
    use_rules(&(struct store_rules){.max_name_bytes = 6});
    hear("A",
         &(struct fixture_advert){1, 100,
                                  "a\x1b\x7f\xc2\x9b"
                                  "bcd\xc3\xa9\xc3\xa9",
                                  NONE, NONE, false, false},
         T0);
    assert_text_sql("SELECT hex(name) FROM nodes", "61626364C3A9");
    hear("A", &(struct fixture_advert){2, 100, "abcde\xc3\xa9", NONE, NONE, false, false}, T0);
    assert_text_sql("SELECT name FROM nodes WHERE id = 2", "abcde");
    assert_text_sql("SELECT name FROM observers", "name o");
    hear("A", &(struct fixture_advert){3, 100, "\x01\x02", NONE, NONE, false, false}, T0);
    assert_text_sql("SELECT name || '|' || name_time FROM nodes WHERE id = 3", "|0");
}

/* protocol.md 4.3: sensor telemetry behind the name's NUL. */
static void telemetry_of_sensors_is_range_checked(void **state)
{
    (void)state;
    static const struct {
        uint16_t battery;
        int16_t centi;
        uint8_t role;
        const char *wanted;
    } cases[] = {
        {4100, -1250, 4, "4100 -12.5"}, {1, 10000, 4, "1 100.0"},   {10001, 2500, 4, "- 25.0"},
        {0, 2500, 4, "- 25.0"},         {3700, 10001, 4, "3700 -"}, {3700, 2500, 2, "- -"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture_packet p;
        const uint16_t battery = cases[i].battery;
        const uint16_t centi = (uint16_t)cases[i].centi;
        const uint8_t tail[] = {0, (uint8_t)battery, (uint8_t)(battery >> 8), (uint8_t)centi,
                                (uint8_t)(centi >> 8)};
        fixture_sensor(&p, "A", (uint8_t)(i + 1), cases[i].role, tail, sizeof tail, T0);
        assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
        char sql[160];
        (void)snprintf(sql, sizeof sql,
                       "SELECT coalesce(battery_mv, '-') || ' ' || coalesce(temperature_c, '-')"
                       " FROM nodes WHERE id = %zu",
                       i + 1);
        assert_text_sql(sql, cases[i].wanted);
    }
    struct fixture_packet p;
    const uint8_t cut[] = {0, 1, 1, 1};
    fixture_sensor(&p, "A", 50, 4, cut, sizeof cut, T0);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    assert_text_sql("SELECT battery_mv FROM nodes WHERE id = 7", "NULL");
}

static void beyond_max_nodes_no_new_one_enters(void **state)
{
    (void)state;
    use_rules(&(struct store_rules){.max_nodes = 2});
    struct fixture_packet p;
    for (uint8_t key = 1; key <= 4; key++) {
        fixture_advert(&p, "A", &(struct fixture_advert){key, 1, "X", NONE, NONE, false, false},
                       T0);
        assert_int_equal(fixture_apply(db.store, &p).outcome,
                         key <= 2 ? OUTCOME_COMMITTED : OUTCOME_FILTERED_MAX_NODES);
        if (key == 3)
            commit_and_begin();
    }
    fixture_advert(&p, "A", &(struct fixture_advert){1, 2, "Y", NONE, NONE, false, false}, T0);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    assert_text_sql("SELECT nodes || ' ' || transmissions || ' ' || observations FROM meta",
                    "2 3 3");
    assert_text_sql("SELECT count(*) || (SELECT count(*) FROM transmissions) FROM nodes", "23");
}

/* --- last seen -------------------------------------------------------------------------------- */

/* protocol.md 8: one bad value of the future heals with the next receipt. */
static void a_time_of_the_future_heals_with_the_next_receipt(void **state)
{
    (void)state;
    struct fixture_packet p;
    struct fixture_status status;
    const struct fixture_advert advert = {1, 100, "X", NONE, NONE, false, false};
    fake_clock_install(T0 * US_PER_MS, US_PER_S);
    commit_and_begin();
    fixture_advert(&p, "A", &advert, T0 + INT64_C(900000) * DAY);
    (void)fixture_apply(db.store, &p);
    fixture_status(&status, "B", 3000, 0, T0 + INT64_C(900000) * DAY);
    (void)snprintf(status.envelope.status.model, sizeof status.envelope.status.model, "old");
    (void)fixture_apply_status(db.store, &status);
    commit_and_begin();
    fixture_advert(&p, "A", &advert, T0 - 10);
    (void)snprintf(p.envelope.origin, sizeof p.envelope.origin, "a new name");
    p.envelope.packet.raw[1] = 0;
    (void)fixture_apply(db.store, &p);
    assert_text_sql("SELECT last_ms - 1774798050000 FROM nodes", "0");
    fake_clock_advance(20 * US_PER_MS);
    commit_and_begin();
    fixture_advert(&p, "A", &advert, T0 + 15);
    (void)snprintf(p.envelope.origin, sizeof p.envelope.origin, "a new name");
    (void)fixture_apply(db.store, &p);
    fixture_status(&status, "B", 3000, 0, T0 + 18);
    (void)snprintf(status.envelope.status.model, sizeof status.envelope.status.model, "new");
    (void)fixture_apply_status(db.store, &status);
    assert_text_sql("SELECT last_ms - 1774798050000 FROM nodes", "15");
    fake_clock_advance(20 * US_PER_MS);
    commit_and_begin();
    fixture_status(&status, "B", 3000, 0, T0 + 38);
    (void)snprintf(status.envelope.status.model, sizeof status.envelope.status.model, "newer");
    (void)fixture_apply_status(db.store, &status);
    assert_text_sql("SELECT group_concat((last_ms - 1774798050000) || ' ' || name || ' ' ||"
                    " coalesce(last_packet_ms - 1774798050000, '-') || ' ' || coalesce(model, '-'))"
                    " FROM observers",
                    "15 a new name 15 -,38  - newer");
    fake_clock_remove();
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(each_fact_has_a_time_of_its_own),
        STORE_TEST(of_equally_new_adverts_the_greater_hash_stays),
        STORE_TEST(a_clock_that_fell_back_is_believed),
        STORE_TEST(an_earlier_copy_gives_way_to_what_came_in_between),
        STORE_TEST(what_an_older_program_stored_is_compared_anew),
        STORE_TEST(a_clock_of_the_future_does_not_freeze_a_node),
        STORE_TEST(copies_of_an_advert_that_is_ahead_agree),
        STORE_TEST(a_shared_contact_is_heard_of_not_heard),
        STORE_TEST(a_reception_makes_a_node_active_again),
        STORE_TEST(is_foreign_goes_with_the_position),
        STORE_TEST(foreign_adverts_are_filtered_behind_the_signature),
        STORE_TEST(names_are_clean_and_cut_at_a_character),
        STORE_TEST(telemetry_of_sensors_is_range_checked),
        STORE_TEST(beyond_max_nodes_no_new_one_enters),
        STORE_TEST(a_time_of_the_future_heals_with_the_next_receipt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
