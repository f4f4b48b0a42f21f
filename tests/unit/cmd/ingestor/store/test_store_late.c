/* SPDX-License-Identifier: MIT
 *
 * What is counted behind the messages, rule by rule: whom a hop means, in which order and how often
 * rows are counted, and what a database of version 5 had counted otherwise. */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_case.h"

#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_retention.h"
#include "cmd/ingestor/store/store_tool.h"
#include "common/db/schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HOUR INT64_C(493000)
#define T0   (HOUR * ROLLUP_HOUR_MS) /* 1774800000000 */
#define DAY  (24 * ROLLUP_HOUR_MS)

/* --- words ------------------------------------------------------------------------------------ */

/* A node whose key is these hex digits and zeros behind; last 0 = never heard itself. */
static void put_node(int64_t id, const char *digits, int64_t first_ms, int64_t last_ms)
{
    char sql[512];
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO nodes (id, public_key, first_ms, last_ms, advert_time) VALUES (%lld,"
        " CAST(x'%s' || zeroblob(%zu) AS BLOB), %lld, nullif(%lld, 0), 0)",
        (long long)id, digits, 32 - strlen(digits) / 2, (long long)first_ms, (long long)last_ms);
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db, sql);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

#define FLOODED (MESHCORE_TXT_MSG << 2 | MESHCORE_FLOOD)

static void hear(const struct fixture_path *path, int64_t receipt_ms)
{
    struct fixture_packet p;
    fixture_over(&p, "A", path, receipt_ms);
    assert_true(fixture_apply(db.store, &p).is_new_observation);
}

/* All there is, in slices of so many rows; returns how many it took. */
static int count_all(int64_t rows_max)
{
    struct store_late_state state;
    bool at_end = false;
    int slices = 0;
    commit_and_begin();
    assert_int_equal(store_late_state(db.store, &state), STATUS_OK);
    while (!at_end) {
        struct store_slice slice = {.until = INT64_MAX, .rows_max = rows_max};
        assert_int_equal(store_late_count(db.store, state.newest, &slice, &at_end), STATUS_OK);
        commit_and_begin();
        slices++;
    }
    return slices;
}

/* Of all nodes "id@when", behind T0. */
#define RELAYED                                                                                    \
    "SELECT group_concat(id || '@' || (last_relayed_ms - 1774800000000), ' ') FROM"                \
    " (SELECT * FROM nodes WHERE last_relayed_ms NOT NULL ORDER BY id)"

/* --- whom a hop means ------------------------------------------------------------------------- */

static void a_hop_of_two_or_three_bytes_means_the_one_known_node(void **state)
{
    (void)state;
    put_node(1, "A1B2C3", T0, 0); /* never heard itself: known all the same */
    put_node(2, "A1B3C3", T0, T0 - 90 * DAY);
    put_node(3, "FFFFFF", T0, T0);
    put_node(4, "A1B2C4", T0, T0);
    hear(&(struct fixture_path){FLOODED, 2, 2, {0xA1, 0xB2, 0xA1, 0xB3}},
         T0 + 10); /* two of A1B2 */
    hear(&(struct fixture_path){FLOODED, 3, 2, {0xA1, 0xB2, 0xC3, 0xFF, 0xFF, 0xFF}}, T0 + 20);
    hear(&(struct fixture_path){FLOODED, 2, 1, {0x77, 0x77}}, T0 + 30);
    (void)count_all(100);
    assert_text_sql(RELAYED, "1@20 2@10 3@20");
    /* Everything of the path: the last byte, too, is one of a key. */
    hear(&(struct fixture_path){FLOODED, 2, 1, {0xFF, 0xFF}}, T0 + 40);
    (void)count_all(100);
    assert_text_sql(RELAYED, "1@20 2@10 3@40");
}

static void a_hop_of_one_byte_means_the_one_heard_in_the_week_before(void **state)
{
    (void)state;
    const int64_t at = T0 + 30 * DAY;
    put_node(1, "A1", T0, at - 7 * DAY);       /* just so */
    put_node(2, "A101", T0, at - 7 * DAY - 1); /* too long ago */
    put_node(3, "A1AA", T0, 0);                /* only heard of */
    put_node(4, "A1BB", at + 1, at + 5);       /* not yet known then */
    put_node(5, "B2", T0, at);
    put_node(6, "B201", at, at); /* two */
    hear(&(struct fixture_path){FLOODED, 1, 2, {0xA1, 0xB2}}, at);
    (void)count_all(100);
    assert_text_sql("SELECT group_concat(id) FROM nodes WHERE last_relayed_ms NOT NULL", "1");
    /* A day later the first one has been silent for too long; then two are there. */
    hear(&(struct fixture_path){FLOODED, 1, 1, {0xA1}}, at + DAY);
    (void)count_all(100);
    assert_text_sql(
        "SELECT group_concat(id || '@' || ((last_relayed_ms - 1774800000000) / 86400000))"
        " FROM nodes WHERE last_relayed_ms NOT NULL",
        "1@30,4@31");
}

/* protocol.md 1.3 and 4.10; what an observer sent is not heard. */
static void other_paths_name_nobody(void **state)
{
    (void)state;
    struct fixture_packet p;
    put_node(1, "A1B2", T0, T0);
    hear(&(struct fixture_path){MESHCORE_TXT_MSG << 2 | MESHCORE_DIRECT, 2, 1, {0xA1, 0xB2}}, T0);
    hear(&(struct fixture_path){MESHCORE_TRACE << 2 | MESHCORE_FLOOD, 1, 1, {0xA1}}, T0);
    fixture_over(&p, "A", &(struct fixture_path){FLOODED, 2, 1, {0xA1, 0xB2}}, T0);
    p.envelope.packet.direction = DIRECTION_TX;
    (void)fixture_apply(db.store, &p);
    (void)count_all(100);
    assert_text_sql(RELAYED, "NULL");
}

/* --- order, slices, what is left -------------------------------------------------------------- */

static void the_newest_receipt_stays_whatever_the_order(void **state)
{
    (void)state;
    static const struct fixture_path path = {FLOODED, 2, 1, {0xA1, 0xB2}};
    put_node(1, "A1B2", T0, T0);
    hear(&path, T0 + 50);
    hear(&path, T0 + 20);
    (void)count_all(100);
    assert_text_sql(RELAYED, "1@50");
    hear(&path, T0 + 40);
    (void)count_all(100);
    assert_text_sql(RELAYED, "1@50");
}

/* The position stands in the transaction of what was counted: rolled back, both are. */
static void a_slice_that_is_rolled_back_is_counted_again(void **state)
{
    (void)state;
    static const struct fixture_path path = {FLOODED, 2, 1, {0xA1, 0xB2}};
    struct store_late_state late;
    put_node(1, "A1B2", T0, T0);
    for (int i = 0; i < 40; i++)
        hear(&path, T0 + i);
    commit_and_begin();
    struct store_slice slice = {.until = INT64_MAX, .rows_max = 16};
    bool at_end = true;
    assert_int_equal(store_late_count(db.store, 40, &slice, &at_end), STATUS_OK);
    assert_false(at_end);
    store_rollback(db.store);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
    assert_int_equal(late.counted, 0);
    assert_text_sql(RELAYED, "NULL");
    assert_true(count_all(16) > 3); /* the transmissions, too */
    assert_text_sql(RELAYED, "1@39");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_db_reopen(&db);
    assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
    assert_true(late.counted == 40 && late.newest == 40);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

static void a_slice_ends_by_the_clock_but_not_before_a_row(void **state)
{
    (void)state;
    static const struct fixture_path path = {FLOODED, 2, 1, {0xA1, 0xB2}};
    struct store_late_state late;
    for (int i = 0; i < 3; i++)
        hear(&path, T0 + i);
    commit_and_begin();
    for (int64_t counted = 1; counted <= 3; counted++) {
        struct store_slice slice = {.until = 0, .rows_max = 99};
        bool at_end = false;
        assert_int_equal(store_late_count(db.store, 3, &slice, &at_end), STATUS_OK);
        assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
        assert_int_equal(late.counted, counted);
    }
}

static void take_packets(int64_t cutoff_ms)
{
    struct store_walk walk = {
        .cutoff_ms = cutoff_ms, .position = 1, .budget = 9, .stays_max = 9, .oldest_ms = INT64_MAX};
    struct store_slice slice = {.until = INT64_MAX, .rows_max = 99};
    assert_int_equal(store_walk_packets(db.store, &walk, &slice), STATUS_OK);
    commit_and_begin();
}

static void what_leaves_before_its_turn_is_counted(void **state)
{
    (void)state;
    put_node(1, "A1B2", T0, T0);
    hear(&(struct fixture_path){FLOODED, 2, 1, {0xA1, 0xB2}}, T0 + 5);
    hear(&(struct fixture_path){FLOODED, 2, 1, {0x01, 0x02}}, T0 + 10); /* the newest stays */
    commit_and_begin();
    take_packets(T0 + 10);
    assert_text_sql("SELECT count(*) FROM observations", "1");
    assert_text_sql(RELAYED, "1@5");
}

/* A recount finds the same in what is stored, and leaves what has gone. */
static void a_recount_from_the_same_nodes_finds_the_same(void **state)
{
    (void)state;
    put_node(1, "A1B2", T0, T0);
    put_node(2, "A1B3", T0, T0);
    put_node(3, "C1", T0, T0);
    hear(&(struct fixture_path){FLOODED, 2, 1, {0xA1, 0xB3}}, T0 + 1);
    hear(&(struct fixture_path){FLOODED, 2, 1, {0xA1, 0xB2}}, T0 + 10);
    hear(&(struct fixture_path){FLOODED, 1, 1, {0xC1}}, T0 + 11);
    (void)count_all(100);
    take_packets(T0 + 10);
    assert_text_sql(RELAYED, "1@10 2@1 3@11");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db, "UPDATE nodes SET last_relayed_ms = 1774800000999 WHERE id = 1");
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_text_sql(RELAYED, "1@10 2@1 3@11");
}

/* --- who relays is alive ---------------------------------------------------------------------- */

static void who_relays_becomes_active_again(void **state)
{
    (void)state;
    put_node(1, "A1B2", T0 - 90 * DAY, T0 - 60 * DAY);
    put_node(2, "A1B3", T0 - 90 * DAY, T0 - 60 * DAY);
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db, "UPDATE nodes SET is_inactive = 1");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    hear(&(struct fixture_path){FLOODED, 2, 1, {0xA1, 0xB2}}, T0);
    (void)count_all(100);
    assert_text_sql("SELECT group_concat(is_inactive || ' ' || last_heard_ms) FROM nodes",
                    "0 1774800000000,1 1769616000000");
    assert_text_sql("SELECT last_ms FROM nodes WHERE id = 1", "1769616000000");
}

/* --- invented measurements -------------------------------------------------------------------- */

/* All rollups of a kind as "key@hour=observations". */
#define ROLLUPS(kind)                                                                              \
    "SELECT group_concat(key || '@' || (hour - 493000) || '=' || observations, ' ') FROM"          \
    " (SELECT * FROM rollups WHERE kind = " #kind " ORDER BY key, hour)"

static struct store_result text(const char *observer, double snr, double rssi, int64_t receipt_ms)
{
    struct fixture_packet p;
    fixture_text(&p, observer, 1, 0, receipt_ms);
    p.envelope.packet.snr = snr;
    p.envelope.packet.rssi = rssi;
    return fixture_apply(db.store, &p);
}

/* protocol.md 7.1: the very pair, not one of the two. */
static void an_invented_pair_is_kept_and_not_counted(void **state)
{
    (void)state;
    (void)text("A", 12.5, -65, T0);
    (void)text("B", 12.5, -66, T0);
    (void)text("C", 12.25, -65, T0);
    (void)text("D", 12.5, (double)NAN, T0);
    assert_text_sql(ROLLUPS(4), "12@0=3");
    assert_text_sql(ROLLUPS(5), "-70@0=1 -65@0=1");
    assert_text_sql(ROLLUPS(7), "1@0=1");
    assert_text_sql(ROLLUPS(0), "0@0=4");
    assert_text_sql("SELECT snr || ' ' || rssi FROM observations WHERE id = 1", "12.5 -65.0");
    /* An earlier copy was measured: the row is another one now. */
    assert_int_equal(text("A", 3, -80, T0 - 1).outcome, OUTCOME_DUPLICATE);
    assert_text_sql(ROLLUPS(4), "3@-1=1 12@0=3");
    assert_text_sql(ROLLUPS(7), "NULL");
}

/* More than 2 % of what it heard in a day. */
static void an_observer_carries_the_share_that_it_invents(void **state)
{
    (void)state;
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(
        &db, "INSERT INTO observers (id, identity, first_ms) VALUES (1, 'A', 0), (2, 'B', 0),"
             " (3, 'C', 0), (4, 'D', 0);"
             "CREATE TEMP TABLE now AS SELECT CAST((julianday('now') - 2440587.5) * 24 AS INTEGER)"
             " AS h;"
             "INSERT INTO rollups (kind, key, hour, observations, transmissions)"
             " SELECT 1, 1, h - 20, 60, 0 FROM now UNION ALL SELECT 1, 1, h, 40, 0 FROM now"
             " UNION ALL SELECT 7, 1, h, 3, 0 FROM now" /* 3 of 100 */
             " UNION ALL SELECT 1, 2, h, 100, 0 FROM now UNION ALL SELECT 7, 2, h, 2, 0 FROM now"
             " UNION ALL SELECT 1, 3, h, 100, 0 FROM now" /* long ago: */
             " UNION ALL SELECT 1, 3, h - 30, 100, 0 FROM now"
             " UNION ALL SELECT 7, 3, h - 30, 50, 0 FROM now");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_text_sql("SELECT group_concat(observer || coalesce(inventedRf, '-'), ' ') FROM"
                    " observers_v",
                    "A0.03 B- C- D-");
}

/* --- a database of version 5 ------------------------------------------------------------------ */

static void load_version_5(const char *more)
{
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_db_load(&db, FIXTURES_DIR "/version_5.sql");
    fixture_exec(&db, more);
    fixture_db_reopen(&db);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

/* Three receptions as that program stored and counted them: one measured, two invented. */
static const char history[] =
    "UPDATE meta SET derived = 2, transmissions = 3, observations = 3, observers = 2, nodes = 1;"
    "INSERT INTO sources VALUES (1, 'broker');"
    "INSERT INTO observers (id, identity, first_ms) VALUES (1, 'A', 0), (2, 'B', 0);"
    "INSERT INTO nodes (id, public_key, first_ms, last_ms, advert_time, is_inactive) VALUES (1,"
    " CAST(x'A1B2' || zeroblob(30) AS BLOB), 1700000000000, 1700000000000, 0, 1);"
    "INSERT INTO transmissions (id, hash, type, route, observation_count, first_ms, last_ms, raw)"
    " VALUES (1, x'0000000000000001', 2, 1, 1, 1774800000000, 1774800000000, x'0900'),"
    " (2, x'0000000000000002', 2, 1, 1, 1774800000000, 1774800000000, x'0900'),"
    " (3, x'0000000000000003', 2, 1, 1, 1774800000000, 1774800000000, x'0900');"
    "INSERT INTO observations (id, transmission_id, observer_id, direction, path_size, path,"
    " source_id, receipt_ms, snr, rssi, route) VALUES"
    " (1, 1, 1, 0, 2, x'A1B2', 1, 1774800000001, 12.5, -70, 1),"
    " (2, 2, 1, 0, 2, x'A1B2', 1, 1774800000002, 12.5, -65, 1),"
    " (3, 3, 2, 0, 2, x'A1B2', 1, 1774800000003, 12.5, -65, 1);"
    "INSERT INTO rollups VALUES (0, 0, 493000, 3, 3), (1, 1, 493000, 2, 0), (1, 2, 493000, 1, 0),"
    " (3, 2, 493000, 3, 3), (4, 12, 493000, 3, 0), (5, -65, 493000, 2, 0), (5, -70, 493000, 1, 0),"
    " (6, 1, 493000, 3, 0)";

static void the_history_of_version_5_is_put_right_behind_the_messages(void **state)
{
    (void)state;
    load_version_5(history);
    assert_false(store_needs_rebuild(db.store));
    assert_text_sql("SELECT name || ' ' || position || ' ' || value FROM jobs", "count_late 0 3");
    (void)text("C", 12.5, -65, T0); /* a message meanwhile counts by the new rule */
    assert_text_sql(ROLLUPS(4), "12@0=3");
    assert_text_sql(ROLLUPS(7), "3@0=1");
    assert_true(count_all(2) >= 3);
    assert_text_sql(ROLLUPS(4), "12@0=1");
    assert_text_sql(ROLLUPS(5), "-70@0=1");
    assert_text_sql(ROLLUPS(7), "1@0=1 2@0=1 3@0=1");
    assert_text_sql(RELAYED, "1@3");
    assert_text_sql("SELECT is_inactive FROM nodes", "0");
    const int slices = count_all(100); /* once */
    assert_int_equal(slices, 1);
    assert_text_sql(ROLLUPS(4), "12@0=1");
    /* And as a rebuild counts. */
    assert_int_equal(store_commit(db.store), STATUS_OK);
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_text_sql(ROLLUPS(4), "12@0=1");
    assert_text_sql(ROLLUPS(5), "-70@0=1");
    assert_text_sql(ROLLUPS(7), "1@0=1 2@0=1 3@0=1");
}

/* Row 2 changes before its turn, from invented to measured; row 3 to another hour; row 1 behind its
 * turn from measured to invented. */
static void a_row_that_changes_before_its_turn_is_put_right_once(void **state)
{
    (void)state;
    load_version_5(history);
    struct fixture_packet p;
    struct store_slice slice = {.until = INT64_MAX, .rows_max = 1};
    bool at_end = false;
    assert_int_equal(store_late_count(db.store, 3, &slice, &at_end), STATUS_OK);
    static const struct {
        uint8_t hash;
        const char *observer;
        double snr, rssi;
        int64_t at;
    } copies[] = {
        {1, "A", 12.5, -65, T0 - 5}, {2, "A", 1, -80, T0 - 5}, {3, "B", 12.5, -65, T0 - 5}};
    for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
        fixture_over(&p, copies[i].observer, &(struct fixture_path){FLOODED, 2, 1, {0xA1, 0xB2}},
                     copies[i].at);
        memset(p.hash, 0, sizeof p.hash);
        p.hash[7] = copies[i].hash;
        p.envelope.packet.snr = copies[i].snr;
        p.envelope.packet.rssi = copies[i].rssi;
        assert_int_equal(fixture_apply(db.store, &p).outcome, OUTCOME_DUPLICATE);
    }
    (void)count_all(1);
    assert_text_sql(ROLLUPS(4), "1@-1=1");
    assert_text_sql(ROLLUPS(5), "-80@-1=1");
    assert_text_sql(ROLLUPS(7), "1@-1=1 2@-1=1");
    assert_text_sql(ROLLUPS(0), "0@-1=3");
}

static void what_leaves_a_database_of_version_5_is_put_right(void **state)
{
    (void)state;
    load_version_5(history);
    (void)text("C", 1, -50, T0 + 10);
    commit_and_begin();
    take_packets(T0 + 10);
    assert_text_sql("SELECT count(*) FROM observations", "1");
    assert_text_sql(ROLLUPS(4), "1@0=1 12@0=1");
    assert_text_sql(ROLLUPS(5), "-70@0=1 -50@0=1");
    assert_text_sql(ROLLUPS(7), "1@0=1 2@0=1");
    assert_text_sql(RELAYED, "1@3");
}

/* The ids at the end of a kept database, and what a tool is left with. */
static void a_tool_counts_all_there_is(void **state)
{
    (void)state;
    load_version_5(history);
    assert_int_equal(store_commit(db.store), STATUS_OK);
    assert_int_equal(store_tool_count_late(db.store), STATUS_OK);
    assert_int_equal(store_tool_count_late(db.store), STATUS_OK);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_text_sql(RELAYED, "1@3");
    assert_text_sql("SELECT position FROM jobs", "3");
}

#define EDGES "SELECT count(*) || ' ' || sum(count) FROM neighbor_edges_v"

/* Its edges were counted as the messages came. */
static void edges_of_version_9_are_counted_once(void **state)
{
    (void)state;
    load_version_5(history);
    assert_int_equal(store_commit(db.store), STATUS_OK);
    fixture_exec(&db, "INSERT INTO neighbor_edges VALUES (x'A1B2', x'', 1, 2, 5, 6),"
                      " (x'A1B2', x'', 2, 1, 5, 6)");
    fixture_db_reopen(&db);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_text_sql("SELECT position FROM jobs WHERE name = 'count_late_edges'", "3");
    assert_text_sql(EDGES, "2 3");
    hear(&(struct fixture_path){FLOODED, 2, 1, {0xA1, 0xB2}}, T0 + 9);
    (void)count_all(2);
    assert_text_sql(EDGES, "2 4");
    assert_int_equal(store_commit(db.store), STATUS_OK);
    assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_text_sql(EDGES, "2 4");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_hop_of_two_or_three_bytes_means_the_one_known_node),
        CASE(a_hop_of_one_byte_means_the_one_heard_in_the_week_before),
        CASE(other_paths_name_nobody),
        CASE(the_newest_receipt_stays_whatever_the_order),
        CASE(a_slice_that_is_rolled_back_is_counted_again),
        CASE(a_slice_ends_by_the_clock_but_not_before_a_row),
        CASE(what_leaves_before_its_turn_is_counted),
        CASE(a_recount_from_the_same_nodes_finds_the_same),
        CASE(who_relays_becomes_active_again),
        CASE(an_invented_pair_is_kept_and_not_counted),
        CASE(an_observer_carries_the_share_that_it_invents),
        CASE(the_history_of_version_5_is_put_right_behind_the_messages),
        CASE(a_row_that_changes_before_its_turn_is_put_right_once),
        CASE(what_leaves_a_database_of_version_5_is_put_right),
        CASE(a_tool_counts_all_there_is),
        CASE(edges_of_version_9_are_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
