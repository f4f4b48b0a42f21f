/* SPDX-License-Identifier: MIT
 *
 * Each job against a real database, with both clocks in the test's hand. */
#include "tests/support/cmocka_all.h"

#include "tests/support/fake_clock.h"
#include "tests/support/retention_bench.h"

#include <string.h>
#include <sys/stat.h>

#define MINUTES(n) ((n)*60)
/* Long enough for the clock to be trusted, with a look to spare. */
#define TRUST_S MINUTES(11)

static int64_t transmissions(struct retention_bench *b)
{
    return fixture_int(&b->db, "SELECT count(*) FROM transmissions");
}

static void set_days(struct retention_bench *b, int packets)
{
    b->config.retention.packet_days = packets;
    bench_restart(b);
}

/* --- packets by age --------------------------------------------------------------------------- */

static void pace_is_a_twentieth_an_hour(void **state)
{
    (void)state;
    assert_int_equal(maintenance_pace(0, 0), 0);
    assert_int_equal(maintenance_pace(1, 0), 1);
    assert_int_equal(maintenance_pace(1000, 0), 50);
    assert_int_equal(maintenance_pace(950, 50), 0);
    assert_int_equal(maintenance_pace(990, 10), 40);
    assert_int_equal(maintenance_pace(10, 90), 0);
}

static void old_packets_leave_with_all_that_hangs_on_them(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 30);
    bench_past(&b, 30, 100); /* cutoff: hour 6; 600 of 3000 are older */
    bench_hear(&b, "C", 1000, 2,
               BENCH_T0 + 20 * BENCH_HOUR); /* the first, heard again much later */
    bench_sql(&b, "UPDATE observations SET path = x'010201020102' WHERE id IN (5, 6);"
                  "UPDATE observations SET path = x'A1A2B1B2A1A2', path_size = 2 WHERE id = 7;"
                  "UPDATE observations SET direction = 1 WHERE id = 9;"
                  "UPDATE transmissions SET route = 2 WHERE id = 8;"
                  "UPDATE observations SET route = 0 WHERE id = 15;"
                  "UPDATE transmissions SET type = 9 WHERE id = 10");
    bench_derive(&b);
    bench_assert_recount(&b);
    set_days(&b, 1);
    bench_pass(&b, TRUST_S - 60 - 30);
    assert_int_equal(transmissions(&b), 3000); /* the clock is not trusted yet */
    for (int hour = 0; hour < 6; hour++) {
        bench_run(&b, MINUTES(10));
        bench_assert_recount(&b);
        bench_pass(&b, MINUTES(50));
    }
    /* After six hours the cutoff is at hour 12: 1200 are older, 5 % of what is there
     * leave an hour. */
    const int64_t left = transmissions(&b);
    assert_true(left < 3000 - 600 && left > 3000 - 7 * 150);
    for (int hour = 0; hour < 150; hour++)
        bench_pass(&b, MINUTES(60));
    assert_int_equal(transmissions(&b), 2); /* the newest, and the one heard last */
    bench_assert_recount(&b);
    assert_int_equal(b.slices[JOB_VACUUM], 0);
    bench_close(&b);
}

/* At most one pass an hour, and nothing to do is not a transaction. */
static void a_cutoff_in_the_same_hour_begins_no_pass(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 26);
    bench_past(&b, 26, 4);
    bench_derive(&b);
    set_days(&b, 1);
    bench_pass(&b, TRUST_S + MINUTES(10));
    const int64_t commits = fixture_int(&b.db, "SELECT commits FROM meta");
    assert_int_equal(b.rows[JOB_PRUNE_PACKETS] > 0, 1);
    bench_pass(&b, MINUTES(20));
    assert_int_equal(fixture_int(&b.db, "SELECT commits FROM meta"), commits);
    assert_int_equal(fixture_int(&b.db, "SELECT retained_from_ms FROM meta"),
                     BENCH_T0 + 2 * BENCH_HOUR);
    bench_close(&b);
}

static void a_restart_does_not_renew_the_hour(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 100 * 24);
    bench_past(&b, 10, 100);
    bench_derive(&b);
    bench_hear(&b, "A", 7, 0, BENCH_T0 + 9999 * BENCH_HOUR); /* a wrong moment: an outlier */
    set_days(&b, 1);
    bench_pass(&b, TRUST_S + 60);
    assert_int_equal(transmissions(&b), 950);
    bench_restart(&b);
    bench_pass(&b, TRUST_S + 60);
    assert_int_equal(transmissions(&b), 950);
    bench_pass(&b, MINUTES(60));
    assert_int_equal(transmissions(&b), 950 - 48);
    bench_assert_recount(&b);
    bench_close(&b);
}

static void a_clock_behind_the_newest_receipt_deletes_nothing(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 40);
    bench_past(&b, 40, 5);
    bench_derive(&b);
    /* By id the newest is an old one, as after an import: the rollups know better. */
    bench_hear(&b, "A", 7, 0, BENCH_T0);
    fake_clock_set_wall((BENCH_T0 + 38 * BENCH_HOUR) * US_PER_MS);
    set_days(&b, 1);
    bench_pass(&b, MINUTES(30));
    assert_true(transmissions(&b) == 201 && maintenance_waits_s(&b.m) > 0);
    bench_pass(&b, MINUTES(60)); /* it catches up */
    assert_true(transmissions(&b) < 201 && maintenance_waits_s(&b.m) == 0);
    bench_close(&b);
}

/* Ids must not be given out again. */
static void the_newest_rows_stay(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 1000);
    bench_past(&b, 1, 40);
    bench_hear(&b, "C", 1007, 1,
               BENCH_T0 + 1); /* the newest observation is of an old transmission */
    bench_derive(&b);
    set_days(&b, 1);
    for (int hour = 0; hour < 48; hour++)
        bench_pass(&b, MINUTES(60));
    assert_int_equal(transmissions(&b), 2);
    assert_int_equal(fixture_int(&b.db, "SELECT max(id) FROM transmissions"), 40);
    assert_int_equal(fixture_int(&b.db, "SELECT min(id) FROM transmissions"), 8);
    assert_int_equal(fixture_int(&b.db, "SELECT max(id) FROM observations"), 81);
    bench_assert_recount(&b);
    bench_close(&b);
}

static void what_left_is_new_when_it_is_heard_again(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 100);
    bench_hear(&b, "A", 1, 2, BENCH_T0);
    bench_hear(&b, "A", 2, 2, BENCH_T0 + 80 * BENCH_HOUR);
    bench_derive(&b);
    b.config.retention.packet_days = 1; /* the store stays open: its cache knows the hash */
    maintenance_init(&b.m, &b.config);
    bench_pass(&b, TRUST_S + 60);
    assert_int_equal(transmissions(&b), 1);
    bench_hear(&b, "A", 1, 2, BENCH_T0 + 100 * BENCH_HOUR);
    assert_int_equal(transmissions(&b), 2);
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM observations WHERE transmission_id ="
                                        " (SELECT max(id) FROM transmissions)"),
                     1);
    bench_close(&b);
}

/* A transmission with more observations than a slice takes leaves in parts; counts are
 * right after each. */
static void slices_are_small_and_messages_pass_between_them(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 100);
    for (int i = 0; i < 300; i++) {
        char observer[16];
        (void)snprintf(observer, sizeof observer, "O%d", i);
        bench_hear(&b, observer, 1, 3, BENCH_T0 + i);
    }
    bench_hear(&b, "A", 2, 2, BENCH_T0 + 99 * BENCH_HOUR);
    bench_derive(&b);
    b.config.retention.packet_days = 1;
    bench_restart(&b);
    b.m.rows_max[JOB_PRUNE_PACKETS] = 64;
    bench_pass(&b, TRUST_S - 60);
    uint32_t seed = 100;
    for (int i = 0; i < MINUTES(5); i++) {
        const int before = b.slices[JOB_PRUNE_PACKETS];
        bench_run(&b, 1);
        if (b.slices[JOB_PRUNE_PACKETS] == before)
            continue;
        bench_derive(&b); /* rollups of new messages; edges and channels are checked before */
        bench_hear(&b, "A", seed++, 0, BENCH_T0 + 100 * BENCH_HOUR);
        assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM transmissions t WHERE"
                                            " observation_count <> (SELECT count(*) FROM"
                                            " observations WHERE transmission_id = t.id)"),
                         0);
    }
    assert_true(b.slices[JOB_PRUNE_PACKETS] >= 2); /* 64, then twice as many, ... */
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM observations WHERE receipt_ms < "
                                        "1774796400000 + 3600000"),
                     0);
    bench_close(&b);
}

/* --- the slice's time ------------------------------------------------------------------------- */

static int64_t ticking_now;

static wall_us ticking_wall(void)
{
    return (BENCH_T0 + 100 * BENCH_HOUR) * US_PER_MS + ticking_now;
}

/* A millisecond passes with every look. */
static mono_us ticking_mono(void)
{
    ticking_now += US_PER_MS;
    return 1000 * (mono_us)US_PER_S + ticking_now;
}

static void a_slice_ends_by_the_clock(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 100);
    bench_past(&b, 1, 2000);
    bench_derive(&b);
    set_days(&b, 1);
    ticking_now = 0;
    clock_set_source(ticking_wall, ticking_mono);
    struct maintenance_slice slice;
    for (int i = 0; i < 1000; i++) {
        ticking_now += i < 70 ? 10 * (int64_t)US_PER_S : 20 * (int64_t)US_PER_MS;
        assert_int_equal(maintenance_turn(&b.m, b.db.store, &slice), STATUS_OK);
        assert_true(slice.job == JOB_COUNT || slice.held <= MAINTENANCE_SLICE_US);
        if (slice.job == JOB_PRUNE_PACKETS)
            b.slices[0]++;
    }
    assert_int_equal(transmissions(&b), 1900);
    assert_true(b.slices[0] >= 20); /* about a dozen rows each */
    clock_set_source(NULL, NULL);
    fake_clock_install((BENCH_T0 + 100 * BENCH_HOUR) * US_PER_MS, 0);
    bench_assert_recount(&b);
    bench_close(&b);
}

/* --- walks ------------------------------------------------------------------------------------ */

static void a_walk_ends_early_but_for_every_twenty_fourth(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 100);
    /* 5100 young ones, then an imported old one. */
    assert_int_equal(store_begin(b.db.store, false), STATUS_OK);
    for (uint32_t i = 0; i < 5100; i++) {
        struct fixture_packet packet;
        fixture_text(&packet, "A", i, 0, BENCH_T0 + 99 * BENCH_HOUR);
        (void)fixture_apply(b.db.store, &packet);
    }
    assert_int_equal(store_commit(b.db.store), STATUS_OK);
    bench_hear(&b, "A", 6000, 1, BENCH_T0);
    bench_hear(&b, "A", 6001, 1, BENCH_T0 + 99 * BENCH_HOUR);
    bench_sql(&b, "INSERT INTO jobs (name, done) VALUES ('prune_packets_size', 1)");
    set_days(&b, 2);
    for (int hour = 0; hour < 22; hour++)
        bench_pass(&b, MINUTES(60));
    assert_int_equal(transmissions(&b), 5102);
    for (int hour = 0; hour < 3; hour++)
        bench_pass(&b, MINUTES(60));
    assert_int_equal(transmissions(&b), 5101);
    bench_close(&b);
}

/* --- packets by size -------------------------------------------------------------------------- */

static int64_t used(struct retention_bench *b)
{
    return fixture_int(&b->db, "SELECT (page_count - freelist_count) * page_size FROM"
                               " pragma_page_count, pragma_freelist_count, pragma_page_size");
}

static void the_oldest_leave_until_the_file_fits(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 1);
    bench_past(&b, 50, 100);
    bench_hear(&b, "A", 1, 1, BENCH_T0 + 100 * BENCH_HOUR); /* behind a gap */
    bench_derive(&b);
    assert_true(used(&b) > 1 << 20);
    b.config.retention.max_database_mb = 1;
    fake_clock_set_wall(0); /* the clock does not matter */
    bench_restart(&b);
    bench_run(&b, MINUTES(2));
    assert_true(used(&b) <= 1 << 19);  /* the rest is for free pages */
    assert_true(used(&b) > 450 << 10); /* and no more than needed */
    const int64_t from = fixture_int(&b.db, "SELECT retained_from_ms FROM meta");
    assert_true(from > BENCH_T0 && from < BENCH_T0 + 50 * BENCH_HOUR);
    assert_true(fixture_int(&b.db, "SELECT min(last_ms) FROM transmissions") >= from - BENCH_HOUR);
    bench_assert_recount(&b);
    const int slices = b.slices[JOB_PRUNE_PACKETS];
    bench_run(&b, MINUTES(2));
    assert_int_equal(b.slices[JOB_PRUNE_PACKETS], slices);
    bench_close(&b);
}

static void a_file_that_nothing_makes_smaller_is_said_once(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 1);
    bench_past(&b, 2, 10);
    bench_sql(&b, "INSERT INTO dead_letter (source, topic, payload, receipt_ms, reason)"
                  " VALUES ('s', 't', zeroblob(3000000), 0, 'big')");
    b.config.retention.max_database_mb = 1;
    bench_restart(&b);
    bench_run(&b, MINUTES(2));
    assert_int_equal(transmissions(&b), 1); /* the newest, and with it the newest observation */
    const int slices = b.slices[JOB_PRUNE_PACKETS];
    bench_run(&b, MINUTES(30));
    assert_int_equal(b.slices[JOB_PRUNE_PACKETS], slices);
    bench_close(&b);
}

static void on_a_full_disk_room_is_made_at_once(void **state)
{
    (void)state;
    struct retention_bench b;
    bench_open(&b, 1);
    bench_past(&b, 50, 100);
    bench_derive(&b);
    bench_restart(&b);
    assert_int_equal(maintenance_make_room(&b.m, b.db.store, clock_mono() + US_PER_S), STATUS_OK);
    assert_int_equal(transmissions(&b), 5000); /* no limit: nothing leaves unasked */
    b.config.retention.max_database_mb = 1;
    bench_restart(&b);
    assert_int_equal(maintenance_make_room(&b.m, b.db.store, clock_mono() + US_PER_S), STATUS_OK);
    assert_true(used(&b) <= 1 << 19);                 /* the rest is for free pages */
    assert_int_equal(store_wal_pages(b.db.store), 0); /* checkpointed after each slice */
    bench_assert_recount(&b);
    bench_close(&b);
}

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
    b.config.retention.packet_days = 8;
    b.config.retention.metrics_days = 4;
    bench_restart(&b);
    bench_pass(&b, TRUST_S + MINUTES(5));
    static const struct {
        const char *table;
        int64_t rows;
    } wanted[] = {{"observer_metrics", 95},    {"observer_skew", 47},
                  {"reported_neighbors", 191}, {"neighbor_reports", 1},
                  {"client_receptions", 191},  {"dropped_packets", 191},
                  {"companion_messages", 191}, {"region_answers", 191}};
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
    assert_int_equal(fixture_int(&b.db, "SELECT count(*) FROM rollups"),
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
    set_days(&b, 1);
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
        cmocka_unit_test(pace_is_a_twentieth_an_hour),
        cmocka_unit_test(old_packets_leave_with_all_that_hangs_on_them),
        cmocka_unit_test(a_cutoff_in_the_same_hour_begins_no_pass),
        cmocka_unit_test(a_restart_does_not_renew_the_hour),
        cmocka_unit_test(a_clock_behind_the_newest_receipt_deletes_nothing),
        cmocka_unit_test(the_newest_rows_stay),
        cmocka_unit_test(what_left_is_new_when_it_is_heard_again),
        cmocka_unit_test(slices_are_small_and_messages_pass_between_them),
        cmocka_unit_test(a_slice_ends_by_the_clock),
        cmocka_unit_test(a_walk_ends_early_but_for_every_twenty_fourth),
        cmocka_unit_test(the_oldest_leave_until_the_file_fits),
        cmocka_unit_test(a_file_that_nothing_makes_smaller_is_said_once),
        cmocka_unit_test(on_a_full_disk_room_is_made_at_once),
        cmocka_unit_test(silent_nodes_become_inactive_and_the_longest_silent_leave),
        cmocka_unit_test(silent_observers_become_inactive),
        cmocka_unit_test(old_rows_of_every_table_leave),
        cmocka_unit_test(rollups_stay_as_long_as_their_packets),
        cmocka_unit_test(free_pages_are_given_back_down_to_a_thousand),
        cmocka_unit_test(statistics_are_made_once_a_day),
        cmocka_unit_test(a_job_that_fails_rests_and_the_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
