/* SPDX-License-Identifier: MIT
 *
 * Each job but that of packets (test_prune_packets.c) against a real database, with both clocks in
 * the test's hand. */
#include "tests/support/cmocka_all.h"

#include "tests/support/fake_clock.h"
#include "tests/support/retention_bench.h"

#include <string.h>
#include <sys/stat.h>

/* --- nodes and observers ---------------------------------------------------------------------- */

static void silent_nodes_become_inactive_and_the_longest_silent_leave(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 10 * 24);
    /* 100 nodes: every second one silent for 5 to 10 days, among them the newest. */
    bench_sql(&b, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
                  " INSERT INTO nodes (id, public_key, first_ms, last_ms, advert_time) SELECT i,"
                  " CAST(printf('%032d', i) AS BLOB), 1774796400000, CASE WHEN i % 2 THEN"
                  " 1774796400000 + 230 * 3600000 WHEN i = 6 THEN NULL ELSE 1774796400000 + i *"
                  " 3600000 END, 0 FROM n; UPDATE meta SET nodes = 100");
    bench_past(&b, 1, 60);
    bench_sql(&b, "UPDATE transmissions SET sender = 2 + 2 * (id % 2) WHERE id < 200;"
                  "INSERT INTO rollups VALUES (2, 2, 1, 1, 1), (2, 4, 1, 1, 1), (2, 40, 1, 1, 1)");
    b.config.retention.node_days = 3;
    bench_restart(&b);
    bench_pass(&b, TRUST_S + MINUTES(5));
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM nodes"), 100); /* no limit */
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM nodes WHERE is_inactive = 1"), 50);
    assert_int_equal(fixture_int(&b.db, "SELECT sum(is_inactive = (id % 2 = 0)) FROM nodes"), 100);

    b.config.max_nodes = 100;
    bench_restart(&b);
    bench_pass(&b, MINUTES(75));
    assert_int_equal(fixture_int(&b.db, "SELECT nodes FROM meta"), 90);
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM nodes"), 90);
    /* Never heard first, then by silence: 6, 2, 4, 8 .. 20. */
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM nodes WHERE id <= 20 AND id % 2 = 0"),
                     0);
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM transmissions WHERE sender NOT IN"
                                        " (SELECT id FROM nodes)"),
                     0);
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM rollups WHERE kind = 2"), 1);

    b.config.max_nodes = 10; /* the active ones and the newest stay whatever the limit */
    bench_restart(&b);
    bench_pass(&b, MINUTES(75));
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM nodes"), 51);
    assert_int_equal(fixture_int(&b.db, "SELECT max(id) FROM nodes"), 100);
    bench_close(&b);
}

/* Of two nodes that fell silent together the one that relays stays, and the other leaves first. */
static void a_node_that_relays_is_alive(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 10 * 24);
    bench_sql(&b, "INSERT INTO nodes (id, public_key, first_ms, last_ms, advert_time) VALUES"
                  " (1, CAST(x'08' || zeroblob(31) AS BLOB), 1774796400000, 1774796400000, 0),"
                  " (2, CAST(x'09' || zeroblob(31) AS BLOB), 1774796400000, 1774796400001, 0),"
                  " (3, CAST(x'0A' || zeroblob(31) AS BLOB), 1774796400000, 1775660300000, 0);"
                  "UPDATE meta SET nodes = 3");
    bench_hear(&b, "A", 1, 1, BENCH_T0 + 6 * BENCH_DAY); /* by way of 08 */
    b.config.retention.node_days = 5;
    bench_restart(&b);
    bench_pass(&b, TRUST_S + MINUTES(5));
    assert_true(b.slices[JOB_COUNT_LATE] > 0);
    char text[512];
    assert_string_equal(fixture_text_of(&b.db,
                                        "SELECT group_concat(is_inactive || coalesce("
                                        "(last_relayed_ms - 1774796400000) / 86400000, '-'), ' ')"
                                        " FROM nodes",
                                        text),
                        "06 1- 0-");
    const int slices = b.slices[JOB_COUNT_LATE];
    bench_pass(&b, MINUTES(30));
    assert_int_equal(b.slices[JOB_COUNT_LATE], slices);           /* nothing new, no transaction */
    fake_clock_advance(3 * 24 * (mono_us)MINUTES(60) * US_PER_S); /* now both are silent */
    b.config.max_nodes = 3;
    bench_restart(&b);
    bench_pass(&b, MINUTES(75));
    assert_string_equal(fixture_text_of(&b.db, "SELECT group_concat(id) FROM nodes", text), "1,3");
    bench_close(&b);
}

static void assert_all_are_counted(struct retention_bench *b)
{
    assert_int_equal(fixture_int(&b->db, "SELECT position = (SELECT max(id) FROM observations) FROM"
                                         " jobs WHERE name = 'count_late'"),
                     1);
    assert_int_equal(fixture_int(&b->db, "SELECT position = (SELECT max(id) FROM transmissions)"
                                         " FROM jobs WHERE name = 'count_late_packets'"),
                     1);
    bench_assert_recount(b);
}

/* They came after the observations, and nothing went on with them until another observation came;
 * then for one slice. */
static void transmissions_are_counted_to_their_end(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 24);
    bench_past(&b, 24, 400); /* more than the first slices take */
    bench_restart(&b);
    bench_pass(&b, MINUTES(30));
    assert_all_are_counted(&b);
    /* A program that was stopped in between. */
    bench_sql(&b, "UPDATE jobs SET position = 0 WHERE name = 'count_late_packets';"
                  "DELETE FROM rollups WHERE kind = 9"); /* ROLLUP_TYPE_SIZE */
    bench_restart(&b);
    bench_pass(&b, MINUTES(30));
    assert_all_are_counted(&b);
    bench_close(&b);
}

/* They were left until all transmissions were counted, and for a minute from then. */
static void observations_are_counted_from_the_first_look(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 24);
    bench_past(&b, 24, 400);
    bench_restart(&b);
    bench_run(&b, 75); /* a minute later it would be */
    assert_true(fixture_int(&b.db, "SELECT position FROM jobs WHERE name = 'count_late'") > 0);
    bench_close(&b);
}

static void silent_observers_become_inactive(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 100);
    bench_hear(&b, "A", 1, 0, BENCH_T0);
    bench_hear(&b, "B", 2, 0, BENCH_T0 + 99 * BENCH_HOUR);
    bench_sql(&b, "INSERT INTO observers (identity, first_ms) VALUES ('only retained', 1)");
    b.config.retention.observer_days = 1;
    bench_restart(&b);
    bench_pass(&b, TRUST_S + MINUTES(5));
    char text[512];
    assert_string_equal(
        fixture_text_of(&b.db, "SELECT group_concat(is_inactive, '') FROM observers", text), "101");
    bench_close(&b);
}

/* --- the other tables ------------------------------------------------------------------------- */

#define NOW_MS "1775156400000" /* BENCH_T0 + 100 hours */
/* n rows, one an hour going back from now: receipt at i hours ago. */
#define HOURS_AGO                                                                                  \
    "WITH RECURSIVE n (i, at) AS (SELECT 1, " NOW_MS " - 3600000 UNION ALL SELECT i + 1, " NOW_MS  \
    " - (i + 1) * 3600000 FROM n WHERE i < 300) "

static void old_rows_of_every_table_leave(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 100);
    bench_hear(&b, "A", 1, 0, BENCH_T0 + 99 * BENCH_HOUR);
    bench_hear(&b, "B", 2, 0, BENCH_T0 + 99 * BENCH_HOUR);
    bench_sql(&b, HOURS_AGO
              "INSERT INTO observer_metrics (observer_id, envelope_ms, payload_hash, receipt_ms)"
              " SELECT 1 + i % 2, at, x'00', at FROM n");
    bench_sql(&b, HOURS_AGO "INSERT INTO observer_skew SELECT 1 + i % 2, at / 3600000, 1 FROM n");
    bench_sql(&b, HOURS_AGO "INSERT INTO reported_neighbors (observer_id, neighbor, as_of_ms)"
                            " SELECT 1 + i % 2, 'n' || i, at FROM n");
    bench_sql(&b, "INSERT INTO neighbor_reports (observer_id, as_of_ms) VALUES (1, " NOW_MS
                  "), (2, 5)");
    bench_sql(&b,
              HOURS_AGO "INSERT INTO client_receptions (client, heard, rx_ms, lat, lon, source_id,"
                        " receipt_ms) SELECT 'phone', x'0102', at, 0, 0, 1, at FROM n");
    bench_sql(&b, HOURS_AGO
              "INSERT INTO dropped_packets (hash, reason, raw, first_ms, last_ms)"
              " SELECT CAST(printf('%08d', i) AS BLOB), 'signature', x'00', 0, at FROM n");
    bench_sql(&b, HOURS_AGO
              "INSERT INTO companion_messages (channel_id, text, direction, source_id, receipt_ms)"
              " SELECT nullif(i / 100, 0), 'text', 0, 1, at FROM n;"
              "INSERT INTO channels SELECT channel_id, 'c' || channel_id, 0, count(*), 0, 0 FROM"
              " companion_messages WHERE channel_id NOT NULL GROUP BY 1");
    bench_sql(&b, HOURS_AGO "INSERT INTO region_answers SELECT i,"
                            " CAST(printf('%032d', i) AS BLOB), at, 0, '', 'c' FROM n");
    bench_sql(&b, HOURS_AGO "INSERT INTO refusals (id, receipt_ms, rule, source, records)"
                            " SELECT i, at, 'rejected.json', 'main', 1 FROM n");
    b.config.retention.packet_days = 8;
    b.config.retention.metrics_days = 4;
    bench_restart(&b);
    bench_pass(&b, TRUST_S + MINUTES(5));
    static const struct {
        const char *table;
        int64_t rows;
    } wanted[] = {
        {"observer_metrics", 95},    {"observer_skew", 47},      {"reported_neighbors", 191},
        {"neighbor_reports", 1},     {"client_receptions", 191}, {"dropped_packets", 191},
        {"companion_messages", 191}, {"region_answers", 191},    {"refusals", 191}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        char sql[96];
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", wanted[i].table);
        const int64_t rows = fixture_int(&b.db, sql);
        /* The clock has gone on by a few minutes; slots and hours are rounded. */
        if (rows < wanted[i].rows || rows > wanted[i].rows + 1)
            fail_msg("%s: %lld rows", wanted[i].table, (long long)rows);
    }
    /* Channel 1 has lost some, 2 and 3 have none left. */
    char text[512];
    assert_string_equal(
        fixture_text_of(&b.db, "SELECT group_concat(name || message_count) FROM channels", text),
        "c192");
    bench_derive(&b);
    bench_close(&b);
}

static void rollups_stay_as_long_as_their_packets(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 100);
    bench_past(&b, 100, 2);
    bench_derive(&b);
    bench_sql(&b, "INSERT INTO rollups SELECT 4, -5, hour - 200, 1, 0 FROM rollups WHERE kind = 0");
    b.config.retention.rollup_days = 1;
    bench_restart(&b);
    bench_pass(&b, TRUST_S + MINUTES(5));
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM rollups WHERE kind < 8"),
                     400); /* nothing has left */
    b.config.retention.packet_days = 2;
    bench_restart(&b);
    for (int hour = 0; hour < 3; hour++)
        bench_pass(&b, MINUTES(60));
    bench_assert_recount(&b);
    const int64_t from = fixture_int(&b.db, "SELECT retained_from_ms / 3600000 FROM meta");
    const int64_t oldest = fixture_int(&b.db, "SELECT min(hour) FROM rollups");
    assert_true(oldest <= from && oldest >= from - 2);
    b.config.retention.rollup_days = 3;
    bench_close(&b);
}

/* --- the file --------------------------------------------------------------------------------- */

static void free_pages_are_given_back_down_to_a_thousand(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 1);
    bench_sql(&b, "INSERT INTO dead_letter (id, source, topic, payload, receipt_ms, reason)"
                  " VALUES (1, 's', 't', zeroblob(8000000), 0, 'big'),"
                  "  (2, 's', 't', zeroblob(2000000), 0, 'behind it')");
    bench_sql(&b, "DELETE FROM dead_letter WHERE id = 1");
    const int64_t pages = fixture_int(&b.db, "PRAGMA page_count");
    assert_true(fixture_int(&b.db, "PRAGMA freelist_count") > 1900);
    bench_run(&b, MINUTES(2));
    assert_int_equal(fixture_int(&b.db, "PRAGMA freelist_count"), 1000);
    assert_true(fixture_int(&b.db, "PRAGMA page_count") < pages - 900);
    assert_true(b.slices[JOB_VACUUM] > 1);
    assert_true(b.rows[JOB_VACUUM] > 900);
    struct store_checkpoint done;
    assert_int_equal(store_checkpoint(b.db.store, false, &done), STATUS_OK);
    struct stat st;
    assert_int_equal(stat(b.db.path, &st), 0);
    assert_int_equal(st.st_size, fixture_int(&b.db, "PRAGMA page_count") * 4096);
    assert_string_equal(fixture_text_of(&b.db, "PRAGMA integrity_check", (char[512]){0}), "ok");
    bench_close(&b);
}

static void statistics_are_made_once_a_day(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 100);
    bench_past(&b, 90, 10);
    bench_run(&b, MINUTES(2));
    assert_int_equal(b.slices[JOB_ANALYZE], 0); /* too few to be worth it */
    bench_sql(&b, "UPDATE meta SET transmissions = 10000");
    bench_run(&b, MINUTES(2));
    const int tables = (int)fixture_int(&b.db, "SELECT count(*) FROM sqlite_schema WHERE type ="
                                               " 'table' AND name NOT GLOB 'sqlite_*'");
    assert_int_equal(b.slices[JOB_ANALYZE], tables + 1); /* one a slice, and the end */
    assert_true(fixture_int(&b.db, "SELECT count(*) FROM sqlite_stat1") > 3);
    bench_pass(&b, 23 * MINUTES(60));
    assert_int_equal(b.slices[JOB_ANALYZE], tables + 1);
    bench_pass(&b, 2 * MINUTES(60));
    assert_true(b.slices[JOB_ANALYZE] > tables + 1);
    bench_hear(&b, "A", 1, 1, BENCH_T0); /* the statements were prepared anew */
    bench_close(&b);
}

/* --- failure ---------------------------------------------------------------------------------- */

static void a_job_that_fails_rests_and_the_others_go_on(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 100);
    bench_past(&b, 10, 10);
    bench_derive(&b);
    bench_sql(&b,
              "CREATE TRIGGER no BEFORE DELETE ON observer_skew BEGIN SELECT raise(ABORT, 'no');"
              " END; INSERT INTO observer_skew VALUES (1, 1, 1)");
    b.config.retention.packet_days = 1;
    bench_restart(&b);
    bench_pass(&b, MINUTES(60)); /* bench_pass asserts that each turn is OK */
    assert_int_equal(b.slices[JOB_PRUNE_METRICS], 0);
    assert_true(b.rows[JOB_PRUNE_PACKETS] > 0);
    bench_sql(&b, "DROP TRIGGER no");
    bench_pass(&b, MINUTES(75));
    assert_true(b.slices[JOB_PRUNE_METRICS] > 0);
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM observer_skew"), 0);
    bench_assert_recount(&b);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_nodes_become_inactive_and_the_longest_silent_leave),
        cmocka_unit_test(a_node_that_relays_is_alive),
        cmocka_unit_test(transmissions_are_counted_to_their_end),
        cmocka_unit_test(observations_are_counted_from_the_first_look),
        cmocka_unit_test(silent_observers_become_inactive),
        cmocka_unit_test(old_rows_of_every_table_leave),
        cmocka_unit_test(rollups_stay_as_long_as_their_packets),
        cmocka_unit_test(free_pages_are_given_back_down_to_a_thousand),
        cmocka_unit_test(statistics_are_made_once_a_day),
        cmocka_unit_test(a_job_that_fails_rests_and_the_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
