/* SPDX-License-Identifier: MIT
 *
 * Packets leave, by age and by size: against a real database, with both clocks in the test's
 * hand. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/upkeep/prune_packets.h"
#include "tests/support/fake_clock.h"
#include "tests/support/retention_bench.h"

#include <string.h>
#include <sys/stat.h>

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
    assert_int_equal(prune_pace(0, 0), 0);
    assert_int_equal(prune_pace(1, 0), 1);
    assert_int_equal(prune_pace(1000, 0), 50);
    assert_int_equal(prune_pace(950, 50), 0);
    assert_int_equal(prune_pace(990, 10), 40);
    assert_int_equal(prune_pace(10, 90), 0);
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
    bench_run(&b, MINUTES(3));
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
