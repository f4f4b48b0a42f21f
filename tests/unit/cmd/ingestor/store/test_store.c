/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_fixture.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define T0 INT64_C(1774798050000) /* some receipt time */

static struct fixture_db db;

static int set_up(void **state)
{
    (void)state;
    fixture_db_open(&db);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_db_close(&db);
    return 0;
}

static void commit_and_begin(void)
{
    assert_int_equal(store_commit(db.store), STATUS_OK);
    assert_int_equal(store_begin(db.store, true), STATUS_OK);
}

static void assert_int_sql(const char *sql, int64_t wanted)
{
    int64_t got = fixture_int(&db, sql);
    if (got != wanted)
        fail_msg("%s: %lld, not %lld", sql, (long long)got, (long long)wanted);
}

static void assert_text_sql(const char *sql, const char *wanted)
{
    char text[512];
    assert_string_equal(fixture_text_of(&db, sql, text), wanted);
}

/* --- packets ---------------------------------------------------------------------------------- */

static void a_packet_heard_by_three_observers_is_one_transmission(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_text(&p, "A", 1, 2, T0);
    struct store_result r = fixture_apply(db.store, &p);
    assert_int_equal(r.outcome, OUTCOME_COMMITTED);
    assert_true(r.is_new_transmission && r.is_new_observation && r.observer_upserted);
    fixture_text(&p, "B", 1, 3, T0 + 500);
    r = fixture_apply(db.store, &p);
    assert_false(r.is_new_transmission);
    assert_true(r.is_new_observation);
    commit_and_begin();
    fixture_text(&p, "C", 1, 0, T0 - 500); /* order of arrival does not matter */
    r = fixture_apply(db.store, &p);
    assert_true(r.is_new_observation);
    commit_and_begin();
    assert_text_sql("SELECT observation_count || ' ' || (first_ms - 1774798050000) || ' '"
                    " || (last_ms - 1774798050000) FROM transmissions",
                    "3 -500 500");
    assert_text_sql(
        "SELECT transmissions || ' ' || observations || ' ' || observers || ' ' || nodes"
        " || ' ' || commits FROM meta",
        "1 3 3 0 2");
    assert_text_sql(
        "SELECT packet_count || ' ' || name || ' ' || iata || ' ' || (last_ms - first_ms)"
        " FROM observers WHERE identity = 'b'",
        "1 name of B SJC 0");
    assert_text_sql("SELECT typeof(rssi) || ' ' || snr || ' ' || typeof(score) || ' ' ||"
                    " (receipt_ms - envelope_ms) FROM observations WHERE id = 1",
                    "real 7.25 null 40");
}

static void a_duplicate_fills_nulls_and_moves_no_count(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_text(&p, "A", 1, 2, T0);
    p.envelope.packet.snr = (double)NAN;
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    commit_and_begin();
    fixture_text(&p, "a", 1, 2, T0 + 9000); /* the same observer in another case */
    p.envelope.packet.rssi = -10;
    struct store_result r = fixture_apply(db.store, &p);
    assert_int_equal(r.outcome, OUTCOME_DUPLICATE);
    assert_false(r.is_new_observation || r.is_new_transmission);
    commit_and_begin();
    assert_text_sql("SELECT snr || ' ' || rssi FROM observations", "7.25 -91.0");
    assert_int_sql("SELECT receipt_ms FROM observations", T0);
    assert_int_sql("SELECT last_ms FROM observers", T0 + 9000);
    assert_int_sql("SELECT packet_count FROM observers", 1);
    assert_text_sql("SELECT observation_count || ' ' || (last_ms - first_ms) FROM transmissions",
                    "1 9000");
    assert_int_sql("SELECT observations FROM meta", 1);
}

static void path_direction_and_hop_size_tell_observations_apart(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_text(&p, "A", 1, 2, T0);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    p.frame.hash_size = 2; /* the same bytes as one hop of two */
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    p.envelope.packet.direction = DIRECTION_TX;
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    fixture_text(&p, "A", 1, 0, T0); /* an empty path is a path */
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_COMMITTED);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    commit_and_begin();
    assert_int_sql("SELECT observation_count FROM transmissions", 4);
}

static void known_hashes_are_found_without_the_cache(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_text(&p, "A", 1, 2, T0);
    assert_true(fixture_apply(db.store, &p).is_new_transmission);
    commit_and_begin();
    store_forget(db.store);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_db_reopen(&db);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    fixture_text(&p, "B", 1, 2, T0);
    struct store_result r = fixture_apply(db.store, &p);
    assert_true(r.is_new_observation && !r.is_new_transmission);
}

static void a_rolled_back_record_leaves_no_trace(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_text(&p, "A", 1, 2, T0);
    assert_true(fixture_apply(db.store, &p).is_new_transmission);
    struct fixture_packet other;
    struct store_result r;
    fixture_text(&other, "B", 2, 2, T0 + 1000);
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &other.packet, &r), STATUS_OK);
    assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    commit_and_begin();
    assert_text_sql("SELECT transmissions || ' ' || observations || ' ' || observers FROM meta",
                    "1 1 1");
    assert_int_sql("SELECT count(*) FROM observers", 1);
    assert_int_sql("SELECT count(*) FROM transmissions", 1);
    /* Nothing of it is cached: it enters as new. */
    r = fixture_apply(db.store, &other);
    assert_true(r.is_new_transmission && r.observer_upserted);
    store_rollback(db.store);
    store_rollback(db.store); /* safe without a transaction */
    assert_int_sql("SELECT count(*) FROM observers", 1);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    r = fixture_apply(db.store, &other);
    assert_true(r.is_new_transmission && r.observer_upserted);
}

/* Batches of known messages change no row; what they say waits for one that does, or is lost as a
 * whole, and then read from the ring once more. */
static void what_is_known_is_written_with_a_later_batch(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_text(&p, "A", 1, 2, T0);
    assert_true(fixture_apply(db.store, &p).is_new_transmission);
    assert_true(store_has_written(db.store));
    commit_and_begin();
    assert_false(store_has_written(db.store));
    const char *const last = "SELECT t.last_ms || ' ' || o.last_ms || ' ' || o.packet_count FROM"
                             " transmissions t, observers o";
    char before[64];
    char after[64];
    (void)snprintf(before, sizeof before, "%" PRId64 " %" PRId64 " 1", T0, T0);
    (void)snprintf(after, sizeof after, "%" PRId64 " %" PRId64 " 1", T0 + 900, T0 + 900);
    for (int64_t at = 900; at > 0; at -= 300) {
        fixture_text(&p, "A", 1, 2, T0 + at);
        assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
        assert_false(store_has_written(db.store));
        assert_int_equal(store_defer(db.store), STATUS_OK);
        assert_int_equal(store_begin(db.store, false), STATUS_OK);
        assert_text_sql(last, before);
    }
    commit_and_begin();
    assert_text_sql(last, after);
    fixture_text(&p, "A", 1, 2, T0 + 2000);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    assert_int_equal(store_defer(db.store), STATUS_OK);
    store_rollback(db.store);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    commit_and_begin();
    assert_text_sql(last, after);
}

/* --- adverts ---------------------------------------------------------------------------------- */

static void only_verified_adverts_make_nodes(void **state)
{
    (void)state;
    struct fixture_packet p;
    const struct fixture_advert good = {1, 100, "Hill\x01\xff", 37.5, -122.25, false, false};
    const struct fixture_advert forged = {2, 100, "Evil", (double)NAN, (double)NAN, false, true};
    fixture_advert(&p, "A", &forged, T0);
    struct store_result r = fixture_apply(db.store, &p);
    assert_int_equal(r.outcome, OUTCOME_REJECTED_SIGNATURE);
    assert_int_sql("SELECT count(*) FROM observers", 0);
    fixture_advert(&p, "A", &good, T0);
    r = fixture_apply(db.store, &p);
    assert_true(r.node_upserted && r.is_new_transmission);
    /* The second reception of a known hash is not verified again. */
    fixture_advert(&p, "B", &good, T0 + 700);
    p.advert.signature = p.advert.public_key;
    r = fixture_apply(db.store, &p);
    assert_true(r.is_new_observation && !r.node_upserted);
    commit_and_begin();
    assert_text_sql(
        "SELECT name || ' ' || role || ' ' || lat || ' ' || lon || ' ' || advert_count || ' '"
        " || (last_ms - first_ms) FROM nodes",
        "Hill\xef\xbf\xbd 2 37.5 -122.25 1 700");
    assert_text_sql("SELECT transmissions || ' ' || observations || ' ' || nodes FROM meta",
                    "1 2 1");
    assert_int_sql("SELECT sender = (SELECT id FROM nodes) FROM transmissions", 1);
}

static void an_older_advert_brings_no_old_name_back(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_advert(
        &p, "A",
        &(struct fixture_advert){1, 1774798200, "New", (double)NAN, (double)NAN, false, false}, T0);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    fixture_advert(&p, "A", &(struct fixture_advert){1, 1774798100, "Old", 10, 20, false, false},
                   T0 + 100);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    fixture_advert(&p, "A", &(struct fixture_advert){1, 1774798300, NULL, 0, 0, false, false},
                   T0 + 200);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    commit_and_begin();
    assert_text_sql(
        "SELECT name || ' ' || lat || ' ' || lon || ' ' || advert_time || ' ' || advert_count"
        " FROM nodes",
        "New 10.0 20.0 1774798300 3");
}

static void a_wrong_clock_of_the_future_does_not_freeze_a_node(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_advert(
        &p, "A",
        &(struct fixture_advert){1, 4000000000U, "2096", (double)NAN, (double)NAN, false, false},
        T0);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    fixture_advert(
        &p, "A",
        &(struct fixture_advert){1, 1774798051, "now", (double)NAN, (double)NAN, false, false}, T0);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    commit_and_begin();
    assert_text_sql("SELECT name || ' ' || advert_time FROM nodes", "now 1774798051");
}

static void a_shared_contact_is_no_sign_of_life(void **state)
{
    (void)state;
    struct fixture_packet p;
    const struct fixture_advert shared = {1, 100, "X", (double)NAN, (double)NAN, true, false};
    const struct fixture_advert own = {1, 100, "X", (double)NAN, (double)NAN, false, false};
    fixture_advert(&p, "A", &shared, T0);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    fixture_advert(&p, "B", &shared, T0 + 5);
    IGNORE(fixture_apply(db.store, &p), "looked at below");
    commit_and_begin();
    assert_text_sql("SELECT last_ms FROM nodes", "NULL");
    /* Share and own advert have the same content hash; heard from the node itself it counts. */
    fixture_advert(&p, "C", &own, T0 + 900);
    assert_false(fixture_apply(db.store, &p).is_new_transmission);
    commit_and_begin();
    assert_int_sql("SELECT last_ms FROM nodes", T0 + 900);
}

/* protocol.md 7.3: what a broker kept comes again with each connection, whatever became
 * of its sender. */
static void a_retained_packet_is_no_proof_of_life(void **state)
{
    (void)state;
    struct fixture_packet p;
    fixture_advert(&p, "A", &(struct fixture_advert){1, 1000, "node", 1, 1, false, false}, T0);
    p.packet.is_retained = true;
    p.envelope.has_time = p.envelope.time_is_naive = true;
    p.envelope.envelope_ms = T0 - 3600000; /* old, and not because its sender's clock is wrong */
    struct store_result r = fixture_apply(db.store, &p);
    assert_int_equal(r.outcome, OUTCOME_COMMITTED);
    assert_true(r.is_new_transmission && r.is_new_observation);
    commit_and_begin();
    assert_text_sql("SELECT last_ms FROM observers", "NULL");
    assert_text_sql("SELECT last_packet_ms FROM observers", "NULL");
    assert_text_sql("SELECT last_ms FROM nodes", "NULL");
    assert_int_sql("SELECT packet_count FROM observers", 1);
    assert_int_sql("SELECT count(*) FROM observer_skew", 0);
    assert_text_sql("SELECT skew_s FROM observers", "NULL");

    fixture_advert(&p, "A", &(struct fixture_advert){1, 1000, "node", 1, 1, false, false}, T0 + 50);
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    p.packet.receipt_ms = T0 + 900; /* the next connection */
    p.packet.is_retained = true;
    (void)strcpy(p.envelope.origin, "former name");
    p.envelope.has_time = true;
    p.envelope.envelope_ms = T0 - 3600000;
    assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    commit_and_begin();
    assert_int_sql("SELECT last_ms FROM observers", T0 + 50);
    assert_int_sql("SELECT last_packet_ms FROM observers", T0 + 50);
    assert_int_sql("SELECT last_ms FROM nodes", T0 + 50);
    assert_text_sql("SELECT name FROM observers", "name of A");
}

/* --- statuses --------------------------------------------------------------------------------- */

static void a_status_is_stored_once(void **state)
{
    (void)state;
    struct fixture_status s;
    fixture_status(&s, "A", 4012, T0 - 60, T0);
    struct store_result r = fixture_apply_status(db.store, &s);
    assert_int_equal(r.outcome, OUTCOME_COMMITTED);
    assert_true(r.observer_upserted);
    fixture_status(&s, "a", 4012, T0 - 60, T0 + 5000);
    s.message.payload = (const uint8_t *)"{\"A\":4012,\"t\":1774798049940}";
    assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_DUPLICATE);
    /* No metrics: the same words within ten minutes are a redelivery, later ones are news. */
    fixture_status(&s, "A", (double)NAN, T0, T0);
    assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_COMMITTED);
    s.status.receipt_ms = T0 + 599999;
    assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_DUPLICATE);
    s.status.receipt_ms = T0 + 600000;
    assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_COMMITTED);
    commit_and_begin();
    assert_int_sql("SELECT count(*) FROM observer_metrics", 1);
    assert_int_sql("SELECT count(*) FROM seen_messages", 1);
    assert_text_sql("SELECT battery_mv || ' ' || status || ' ' || status_count || ' ' ||"
                    " (last_ms - 1774798050000) FROM observers",
                    "4012.0 online 3 600000");
    assert_int_sql("SELECT observers FROM meta", 1);
}

static void retained_and_last_will_are_no_proof_of_life(void **state)
{
    (void)state;
    struct fixture_status s;
    fixture_status(&s, "A", 3700, T0 - 1000000, T0);
    s.message.flags = RING_RETAIN;
    (void)strcpy(s.envelope.status.model, "old model");
    (void)strcpy(s.envelope.status.firmware, "v1");
    assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_COMMITTED);
    commit_and_begin();
    assert_text_sql("SELECT last_ms FROM observers", "NULL");
    assert_text_sql("SELECT model FROM observers", "old model");

    fixture_status(&s, "A", 4100, T0, T0 + 10);
    (void)strcpy(s.envelope.status.model, "new model");
    IGNORE(fixture_apply_status(db.store, &s), "looked at below");
    fixture_status(&s, "A", 3600, T0 - 2000000, T0 + 20); /* an older retained one, replayed */
    s.message.flags = RING_RETAIN;
    (void)strcpy(s.envelope.status.model, "old model");
    (void)strcpy(s.envelope.status.radio, "915");
    IGNORE(fixture_apply_status(db.store, &s), "looked at below");
    fixture_status(&s, "A", (double)NAN, T0 + 30, T0 + 30);
    (void)strcpy(s.envelope.status.status, "Offline"); /* a will is configured by hand */
    IGNORE(fixture_apply_status(db.store, &s), "looked at below");
    fixture_status(&s, "A", (double)NAN, T0 + 40, T0 + 40);
    (void)strcpy(s.envelope.status.status, "offline");
    IGNORE(fixture_apply_status(db.store, &s), "looked at below");
    commit_and_begin();
    assert_text_sql(
        "SELECT model || ' ' || firmware || ' ' || radio || ' ' || battery_mv || ' ' || status"
        " || ' ' || (last_ms - 1774798050000) FROM observers",
        "new model v1 915 4100.0 offline 10");
}

static void a_new_observer_with_a_name_in_its_status_keeps_one_row(void **state)
{
    (void)state;
    struct fixture_status s;
    for (int i = 0; i < 2; i++) {
        fixture_status(&s, "Roof", 4000, T0 + i, T0 + i);
        (void)strcpy(s.envelope.origin, i == 0 ? "first\x1b[2J" : "second");
        (void)strcpy(s.envelope.region, "SFO");
        assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_COMMITTED);
        commit_and_begin();
        assert_text_sql("SELECT name FROM observers", i == 0 ? "first[2J" : "second");
    }
    assert_text_sql("SELECT identity || ' ' || iata FROM observers", "Roof SFO");
    assert_int_sql("SELECT observers FROM meta", 1);
}

static void the_memory_of_statuses_sheds_what_is_old(void **state)
{
    (void)state;
    struct fixture_status s;
    for (int i = 0; i < 50; i++) {
        fixture_status(&s, "A", (double)NAN, i + 1, T0);
        assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_COMMITTED);
    }
    for (int i = 0; i < 60; i++) {
        fixture_status(&s, "A", (double)NAN, 1000 + i, T0 + 600001);
        assert_int_equal(fixture_apply_status(db.store, &s).outcome, OUTCOME_COMMITTED);
    }
    commit_and_begin();
    assert_int_sql("SELECT count(*) FROM seen_messages", 60);
}

/* --- upkeep ----------------------------------------------------------------------------------- */

static void checkpoints_are_judged_by_frames(void **state)
{
    (void)state;
    struct fixture_packet p;
    struct store_checkpoint done;
    fixture_text(&p, "A", 1, 2, T0);
    IGNORE(fixture_apply(db.store, &p), "any row");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    assert_true(store_wal_pages(db.store) > 0);

    sqlite3 *reader = NULL;
    assert_int_equal(sqlite3_open(db.path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM meta", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(store_begin(db.store, true), STATUS_OK);
    fixture_text(&p, "A", 2, 2, T0);
    IGNORE(fixture_apply(db.store, &p), "any row");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    assert_int_equal(store_checkpoint(db.store, false, &done), STATUS_OK);
    assert_true(done.checkpointed_frames < done.wal_frames); /* the reader pins the rest */
    assert_int_equal(store_checkpoint(db.store, true, &done), STATUS_OK);
    assert_true(store_wal_pages(db.store) > 0);
    assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);

    assert_int_equal(store_checkpoint(db.store, true, &done), STATUS_OK);
    assert_int_equal(done.checkpointed_frames, done.wal_frames);
    assert_int_equal(store_wal_pages(db.store), 0);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

static void every_commit_writes_a_frame(void **state)
{
    (void)state;
    commit_and_begin();
    int64_t before = store_wal_pages(db.store);
    commit_and_begin(); /* an empty one */
    assert_true(store_wal_pages(db.store) > before);
    assert_int_sql("SELECT commits FROM meta", 2);
}

static void more_rows_than_the_deltas_hold_are_written_on_the_way(void **state)
{
    (void)state;
    enum { COUNT = 17000 };
    struct fixture_packet p;
    for (uint32_t i = 0; i < COUNT; i++) {
        fixture_text(&p, "A", i, 1, T0);
        IGNORE(fixture_apply(db.store, &p), "counted below");
    }
    commit_and_begin();
    for (uint32_t i = 0; i < COUNT; i++) {
        fixture_text(&p, "B", i, 1, T0 + 1);
        IGNORE(fixture_apply(db.store, &p), "counted below");
    }
    commit_and_begin();
    assert_int_sql("SELECT count(*) FROM transmissions WHERE observation_count = 2", COUNT);
    assert_int_sql("SELECT observations FROM meta", 2 * COUNT);
    assert_int_sql("SELECT max(id) FROM observations", 2 * COUNT);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_packet_heard_by_three_observers_is_one_transmission),
        STORE_TEST(a_duplicate_fills_nulls_and_moves_no_count),
        STORE_TEST(path_direction_and_hop_size_tell_observations_apart),
        STORE_TEST(known_hashes_are_found_without_the_cache),
        STORE_TEST(a_rolled_back_record_leaves_no_trace),
        STORE_TEST(what_is_known_is_written_with_a_later_batch),
        STORE_TEST(only_verified_adverts_make_nodes),
        STORE_TEST(an_older_advert_brings_no_old_name_back),
        STORE_TEST(a_wrong_clock_of_the_future_does_not_freeze_a_node),
        STORE_TEST(a_shared_contact_is_no_sign_of_life),
        STORE_TEST(a_status_is_stored_once),
        STORE_TEST(a_retained_packet_is_no_proof_of_life),
        STORE_TEST(retained_and_last_will_are_no_proof_of_life),
        STORE_TEST(a_new_observer_with_a_name_in_its_status_keeps_one_row),
        STORE_TEST(the_memory_of_statuses_sheds_what_is_old),
        STORE_TEST(checkpoints_are_judged_by_frames),
        STORE_TEST(every_commit_writes_a_frame),
        STORE_TEST(more_rows_than_the_deltas_hold_are_written_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
