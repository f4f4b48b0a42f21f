/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_case.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define T0     INT64_C(1774798050000) /* some receipt time */
#define HOUR   INT64_C(3600000)
#define MINUTE INT64_C(60000)

static void use_rules(const struct store_rules *rules)
{
    store_rollback(db.store);
    fixture_db_reopen_with(&db, &(struct store_params){.rules = *rules});
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

static enum outcome hear(const char *observer, const char *name, const char *iata,
                         int64_t receipt_ms)
{
    static uint32_t seed;
    struct fixture_packet p;
    fixture_text(&p, observer, seed++, 1, receipt_ms);
    (void)snprintf(p.envelope.origin, sizeof p.envelope.origin, "%s", name);
    (void)snprintf(p.envelope.region, sizeof p.envelope.region, "%s", iata);
    return fixture_apply(db.store, &p).outcome;
}

/* protocol.md 3 and 12, 10: publishers change the case of one key. */
static void one_row_a_key_whatever_its_case(void **state)
{
    (void)state;
    char key[65];
    for (int i = 0; i < 64; i++)
        key[i] = "0123456789abcdef"[i % 16];
    key[64] = '\0';
    assert_int_equal(hear(key, "n", "SJC", T0), OUTCOME_COMMITTED);
    key[63] = 'F';
    assert_int_equal(hear(key, "n", "SJC", T0 + 1), OUTCOME_COMMITTED);
    commit_and_begin();
    store_forget(db.store);
    assert_int_equal(hear(key, "n", "SJC", T0 + 2), OUTCOME_COMMITTED);
    assert_text_sql("SELECT count(*) || ' ' || identity || ' ' || packet_count FROM observers",
                    "1 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF 3");
}

static void of_a_free_name_the_smallest_spelling_stays(void **state)
{
    (void)state;
    static const char *const orders[][3] = {{"Roof", "roof", "ROof"}, {"xy", "Xy", "xY"}};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(hear(orders[i][j], "n", "SJC", T0), OUTCOME_COMMITTED);
    assert_text_sql(
        "SELECT group_concat(identity) FROM (SELECT identity FROM observers ORDER BY 1)",
        "ROof,Xy");
}

static void the_newest_name_and_region_stay(void **state)
{
    (void)state;
    IGNORE(hear("A", "first", "SJC", T0), "looked at below");
    IGNORE(hear("A", "second", "", T0 + 20), "looked at below");
    IGNORE(hear("A", "late", "SFO", T0 + 10), "looked at below");
    IGNORE(hear("A", "", "", T0 + 30), "looked at below");
    const char *sql = "SELECT name || ' ' || (name_ms - 1774798050000) || ' ' || iata || ' ' ||"
                      " (iata_ms - 1774798050000) FROM observers";
    assert_text_sql(sql, "second 20 SFO 10");
    /* Said again it is newer, so what was said in between can't replace it. */
    IGNORE(hear("A", "second", "SFO", T0 + 50), "looked at below");
    assert_text_sql(sql, "second 50 SFO 50");
    IGNORE(hear("A", "between", "OAK", T0 + 40), "looked at below");
    store_rollback(db.store); /* of the cache nothing must survive */
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    IGNORE(hear("A", "between", "OAK", T0 + 40), "looked at below");
    assert_text_sql(sql, "second 50 SFO 50");
    IGNORE(hear("A", "also", "SAC", T0 + 50), "equally new: the greater");
    IGNORE(hear("A", "third", "AAA", T0 + 50), "equally new: the greater");
    assert_text_sql(sql, "third 50 SFO 50");
}

static void a_rolled_back_record_says_nothing(void **state)
{
    (void)state;
    IGNORE(hear("A", "name", "SJC", T0), "looked at below");
    commit_and_begin();
    struct fixture_packet p;
    struct store_result r;
    for (int i = 0; i < 2; i++) {
        fixture_text(&p, "A", 777, 1, T0 + 1000);
        (void)snprintf(p.envelope.origin, sizeof p.envelope.origin, i == 0 ? "name" : "other");
        assert_int_equal(store_savepoint(db.store), STATUS_OK);
        assert_int_equal(store_packet(db.store, &p.packet, &r), STATUS_OK);
        assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    }
    assert_text_sql("SELECT name || (name_ms - 1774798050000) FROM observers", "name0");
}

static void more_observers_than_the_cache_holds_keep_their_names(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    char name[32];
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "obs%d", i);
        assert_int_equal(hear(name, "same", "SJC", T0), OUTCOME_COMMITTED);
    }
    commit_and_begin();
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "obs%d", i);
        assert_int_equal(hear(name, i % 2 == 0 ? "same" : "new", "SJC", T0 + 5), OUTCOME_COMMITTED);
    }
    assert_text_sql(
        "SELECT count(*) || ' ' || sum(name = 'new') || ' ' || (sum(name_ms) / 5000) || ' '"
        " || sum(packet_count) FROM observers",
        "5000 2500 1774798050005 10000");
}

static void beyond_max_observers_no_new_one_enters(void **state)
{
    (void)state;
    use_rules(&(struct store_rules){.max_observers = 2});
    assert_int_equal(hear("A", "a", "SJC", T0), OUTCOME_COMMITTED);
    assert_int_equal(hear("B", "b", "SJC", T0), OUTCOME_COMMITTED);
    assert_int_equal(hear("C", "c", "SJC", T0), OUTCOME_FILTERED_MAX_OBSERVERS);
    commit_and_begin();
    assert_int_equal(hear("C", "c", "SJC", T0), OUTCOME_FILTERED_MAX_OBSERVERS);
    assert_int_equal(hear("A", "x", "SJC", T0 + 1), OUTCOME_COMMITTED);
    assert_text_sql("SELECT observers || ' ' || transmissions || ' ' || observations FROM meta",
                    "2 3 3");
    struct fixture_status s;
    fixture_status(&s, "D", 4000, T0, T0);
    struct store_result r;
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_status(db.store, &s.status, &r), STATUS_OK);
    assert_int_equal(r.outcome, OUTCOME_FILTERED_MAX_OBSERVERS);
    assert_int_equal(store_rollback_record(db.store), STATUS_OK);
}

/* The words of one that may not enter are nobody else's, even if another one said the same. */
static void a_refused_status_is_no_word_of_the_observer_before(void **state)
{
    (void)state;
    struct fixture_status s;
    use_rules(&(struct store_rules){.max_observers = 1});
    fixture_status(&s, "A", 4000, T0, T0);
    assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_COMMITTED);
    (void)strcpy(s.envelope.observer, "B");
    s.status.receipt_ms = T0 + MINUTE;
    assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_FILTERED_MAX_OBSERVERS);
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "A %" PRId64, T0);
    assert_text_sql("SELECT identity || ' ' || last_ms FROM observers", wanted);
}

static void new_observers_are_counted_by_the_minute_of_their_receipt(void **state)
{
    (void)state;
    use_rules(&(struct store_rules){.new_observers_per_minute = 2});
    const int64_t minute = T0 - T0 % MINUTE;
    /* the first ten minutes of a database are free */
    assert_int_equal(hear("0", "0", "SJC", minute - 12 * MINUTE), OUTCOME_COMMITTED);
    assert_int_equal(hear("1", "1", "SJC", minute - 12 * MINUTE), OUTCOME_COMMITTED);
    assert_int_equal(hear("2", "2", "SJC", minute - 2 * MINUTE - 1), OUTCOME_COMMITTED);
    commit_and_begin();
    assert_int_equal(hear("3", "3", "SJC", minute - 2 * MINUTE - 1), OUTCOME_COMMITTED);
    assert_int_equal(hear("4", "4", "SJC", minute - 2 * MINUTE - 1), OUTCOME_COMMITTED);
    assert_int_equal(hear("A", "a", "SJC", minute), OUTCOME_COMMITTED);
    assert_int_equal(hear("B", "b", "SJC", minute + MINUTE - 1), OUTCOME_COMMITTED);
    assert_int_equal(hear("C", "c", "SJC", minute + 5), OUTCOME_FILTERED_NEW_OBSERVERS);
    assert_int_equal(hear("C", "c", "SJC", minute + MINUTE), OUTCOME_COMMITTED);
    assert_int_equal(hear("D", "d", "SJC", minute - 1), OUTCOME_COMMITTED);
    assert_int_equal(hear("E", "e", "SJC", minute), OUTCOME_FILTERED_NEW_OBSERVERS);
    assert_int_equal(hear("A", "a", "SJC", minute), OUTCOME_COMMITTED); /* a known one */
    assert_text_sql("SELECT observers FROM meta", "9");
}

/* They stand at the broker for observers that were there before us. maxObservers holds. */
static void retained_statuses_spend_no_new_observers(void **state)
{
    (void)state;
    use_rules(&(struct store_rules){.new_observers_per_minute = 1, .max_observers = 4});
    assert_int_equal(hear("0", "0", "SJC", T0 - 11 * MINUTE), OUTCOME_COMMITTED);
    static const char *const names[] = {"A", "B", "C"};
    for (int i = 0; i < 3; i++) {
        struct fixture_status s;
        fixture_status(&s, names[i], 4000, T0, T0);
        s.message.flags = RING_RETAIN;
        assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_COMMITTED);
    }
    assert_int_equal(hear("D", "d", "SJC", T0), OUTCOME_FILTERED_MAX_OBSERVERS);
    commit_and_begin();
    use_rules(&(struct store_rules){.new_observers_per_minute = 1});
    assert_int_equal(hear("D", "d", "SJC", T0), OUTCOME_COMMITTED);
    assert_int_equal(hear("E", "e", "SJC", T0), OUTCOME_FILTERED_NEW_OBSERVERS);
}

/* protocol.md 8, 5: a naive time more than 15 minutes off. */
static void skew_is_counted_by_the_hour(void **state)
{
    (void)state;
    const int64_t hour = T0 / HOUR * HOUR;
    const int64_t receipts[] = {hour, hour + 5, hour + HOUR, hour + HOUR + 7, hour + 9};
    const int64_t ahead[] = {HOUR, 2 * HOUR, -HOUR, 60000, 3 * HOUR};
    for (uint32_t i = 0; i < 5; i++) {
        struct fixture_packet p;
        fixture_text(&p, "A", i, 1, receipts[i]);
        p.envelope.envelope_ms = receipts[i] + ahead[i];
        p.envelope.time_is_naive = true;
        assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
        assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    }
    assert_text_sql("SELECT group_concat(n) FROM (SELECT n FROM observer_skew ORDER BY hour)",
                    "3,1");
    assert_text_sql("SELECT skew_s || ' ' || (skew_ms % 3600000) FROM observers", "-3600 0");
}

/* Three copies of one packet, a millisecond apart and an hour off, applied in this order; one
 * says its zone. */
static void hear_copies(uint32_t number, const int order[3], int zoned)
{
    const int64_t hour = T0 / HOUR * HOUR;
    for (size_t i = 0; i < 3; i++) {
        struct fixture_packet p;
        fixture_text(&p, "A", number, 1, hour + order[i]);
        p.envelope.envelope_ms = hour - HOUR;
        p.envelope.time_is_naive = order[i] != zoned;
        IGNORE(fixture_apply(db.store, &p).outcome, "looked at in the end");
    }
    commit_and_begin();
}

/* Two publishers on one device, of which one knows its zone: the earliest copy tells
 * of the clock. */
static void of_the_copies_of_a_packet_the_earliest_tells_of_the_clock(void **state)
{
    (void)state;
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (uint32_t i = 0; i < ARRAY_LEN(orders); i++)
        hear_copies(i, orders[i], 0);
    assert_text_sql("SELECT coalesce(sum(n), 0) FROM observer_skew", "0");
    for (uint32_t i = 0; i < ARRAY_LEN(orders); i++)
        hear_copies(10 + i, orders[i], 1);
    assert_text_sql("SELECT coalesce(sum(n), 0) FROM observer_skew", "6");
}

static void a_status_tells_of_the_clock_once(void **state)
{
    (void)state;
    const int64_t hour = T0 / HOUR * HOUR;
    const int64_t receipts[] = {hour + 1000, hour - 1000, hour + 2000};
    for (size_t i = 0; i < 3; i++) {
        struct fixture_status s;
        fixture_status(&s, "A", 4000, T0 - 6 * HOUR, receipts[i]);
        s.envelope.time_is_naive = true;
        IGNORE(fixture_apply_status(db.store, &s), "looked at below");
        if (i == 0)
            commit_and_begin();
    }
    struct fixture_status s; /* no word about the clock: the last will, and what a broker kept */
    fixture_status(&s, "A", (double)NAN, T0 - 6 * HOUR, T0);
    s.envelope.time_is_naive = true;
    s.message.flags = RING_RETAIN;
    IGNORE(fixture_apply_status(db.store, &s), "looked at below");
    fixture_status(&s, "A", (double)NAN, T0 - 6 * HOUR, T0);
    s.envelope.time_is_naive = true;
    (void)strcpy(s.envelope.status.status, "offline");
    IGNORE(fixture_apply_status(db.store, &s), "looked at below");
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "1 %" PRId64 " 1", hour / HOUR - 1);
    assert_text_sql("SELECT count(*) || ' ' || hour || ' ' || n FROM observer_skew", wanted);
    (void)snprintf(wanted, sizeof wanted, "%" PRId64, hour + 2000);
    assert_text_sql("SELECT skew_ms FROM observers", wanted);
}

/* What the statement was given for the one observer must not reach the next one that it writes. */
static void a_failed_batch_lends_nothing_to_the_next(void **state)
{
    (void)state;
    struct fixture_packet p;
    IGNORE(hear("B", "", "", T0), "known before");
    commit_and_begin();
    store_rollback(db.store);
    fixture_exec(&db, "CREATE TRIGGER refuse BEFORE INSERT ON observer_skew BEGIN SELECT"
                      " RAISE(ABORT, 'no'); END");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    IGNORE(hear("B", "", "", T0), "the first in the cache, now and later");
    fixture_text(&p, "A", 1000, 1, T0);
    (void)strcpy(p.envelope.origin, "the name of A");
    p.envelope.envelope_ms = T0 - HOUR;
    p.envelope.time_is_naive = true;
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    assert_int_equal(store_commit(db.store), STATUS_CONSTRAINT);
    fixture_exec(&db, "DROP TRIGGER refuse");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    IGNORE(hear("B", "", "", T0 + 1), "says no name");
    assert_text_sql("SELECT name || '|' || name_ms || '|' || skew_ms FROM observers", "|0|0");
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(one_row_a_key_whatever_its_case),
        STORE_TEST(of_a_free_name_the_smallest_spelling_stays),
        STORE_TEST(the_newest_name_and_region_stay),
        STORE_TEST(a_rolled_back_record_says_nothing),
        STORE_TEST(more_observers_than_the_cache_holds_keep_their_names),
        STORE_TEST(beyond_max_observers_no_new_one_enters),
        STORE_TEST(a_refused_status_is_no_word_of_the_observer_before),
        STORE_TEST(new_observers_are_counted_by_the_minute_of_their_receipt),
        STORE_TEST(retained_statuses_spend_no_new_observers),
        STORE_TEST(skew_is_counted_by_the_hour),
        STORE_TEST(of_the_copies_of_a_packet_the_earliest_tells_of_the_clock),
        STORE_TEST(a_status_tells_of_the_clock_once),
        STORE_TEST(a_failed_batch_lends_nothing_to_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
