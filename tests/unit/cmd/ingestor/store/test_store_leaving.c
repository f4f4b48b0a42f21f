/* SPDX-License-Identifier: MIT
 *
 * Packets come, change, are counted late and leave, in any mixture, with slices that are lost:
 * what is kept of them equals a recount of what retention has left, and a rebuild changes nothing,
 * nor the rollups of hours that are gone. */
#include "tests/support/cmocka_all.h"

#include "tests/support/store_fixture.h"
#include "tests/support/store_recount.h"

#include "cmd/ingestor/store/store_late.h"
#include "cmd/ingestor/store/store_retention.h"
#include "common/base/crypto.h"
#include "common/db/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROUNDS 2
#else
#define ROUNDS 6
#endif

#define HOUR  ROLLUP_HOUR_MS
#define T0    (INT64_C(493008) * HOUR) /* the begin of a day */
#define STEPS 120

static struct fixture_db db;
static struct region_scopes *scopes;
static int64_t now_ms, cutoff_ms;

static uint64_t random_state = 1;
static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(random_state >> 33) % bound;
}

/* One of a few contents of the last hours, as some observer heard it, perhaps once more. */
static void make(struct fixture_packet *p)
{
    char observer[8];
    const uint32_t seed = (uint32_t)(now_ms / HOUR) * 20 + random_below(20);
    const int64_t receipt_ms = now_ms - (int64_t)random_below(3) * HOUR;
    (void)snprintf(observer, sizeof observer, "o%u", random_below(4));
    if (seed % 3 == 0) {
        const struct fixture_advert advert = {.key_seed = (uint8_t)(1 + seed % 5),
                                              .timestamp = seed,
                                              .lat = (double)NAN,
                                              .lon = (double)NAN,
                                              .is_share = seed % 7 == 0};
        fixture_advert(p, observer, &advert, receipt_ms);
    } else {
        fixture_text(p, observer, seed, random_below(4), receipt_ms);
    }
    if (seed % 4 == 0 && p->frame.route == MESHCORE_FLOOD)
        fixture_scope(p, random_below(2) != 0 ? "#test" : "#unknown");
    struct envelope_packet *said = &p->envelope.packet;
    said->snr = random_below(8) == 0 ? (double)NAN : random_below(100) / 4.0 - 12;
    said->rssi = random_below(8) == 0 ? (double)NAN : -120 + (double)random_below(90);
    if (random_below(6) == 0) {
        said->snr = 12.5;
        said->rssi = -65;
    }
    if (random_below(10) == 0)
        said->direction = DIRECTION_TX;
}

static void hear_some(void)
{
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    for (uint32_t n = 1 + random_below(60); n > 0; n--) {
        struct fixture_packet p;
        make(&p);
        IGNORE(fixture_apply(db.store, &p), "the tables are compared");
    }
    assert_int_equal(store_commit(db.store), STATUS_OK);
}

/* Kept or lost. */
static void end_slice(bool must_forget)
{
    if (random_below(4) == 0) {
        store_rollback(db.store);
        return;
    }
    assert_int_equal(store_commit(db.store), STATUS_OK);
    if (must_forget || random_below(4) == 0)
        store_forget(db.store);
}

/* What is gathered and not written when a slice is lost begins anew: some must come to the end. */
static bool count_slice(void)
{
    struct store_slice slice = {
        .until = INT64_MAX, .rows_max = random_below(3) == 0 ? INT64_MAX : 1 + random_below(90)};
    struct store_late_state late;
    bool at_end = false;
    assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_int_equal(store_late_count(db.store, late.newest, &slice, &at_end), STATUS_OK);
    end_slice(false);
    return at_end;
}

static void count_all(void)
{
    struct store_late_state late;
    do {
        while (!count_slice())
            ;
        assert_int_equal(store_late_state(db.store, &late), STATUS_OK);
    } while (late.counted < late.newest ||
             fixture_int(&db, "SELECT (SELECT max(id) FROM transmissions) > (SELECT position FROM"
                              " jobs WHERE name = 'count_late_packets')"));
}

static void let_some_go(void)
{
    struct store_walk walk = {.cutoff_ms = cutoff_ms,
                              .position = 1,
                              .budget = 1 + random_below(20),
                              .stays_max = INT64_MAX,
                              .oldest_ms = INT64_MAX};
    struct store_slice slice = {.until = INT64_MAX, .rows_max = 1 + random_below(40)};
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_int_equal(store_walk_packets(db.store, &walk, &slice), STATUS_OK);
    end_slice(slice.must_forget);
}

/* What is under way. */
static void let_the_rest_go(void)
{
    struct store_walk walk = {.cutoff_ms = cutoff_ms,
                              .position = 1,
                              .budget = INT64_MAX,
                              .stays_max = INT64_MAX,
                              .oldest_ms = INT64_MAX};
    struct store_slice slice = {.until = INT64_MAX, .rows_max = INT64_MAX};
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_int_equal(store_walk_packets(db.store, &walk, &slice), STATUS_OK);
    assert_int_equal(store_commit(db.store), STATUS_OK);
}

static void let_a_node_go(void)
{
    struct store_slice slice = {.until = INT64_MAX, .rows_max = INT64_MAX};
    int64_t node_id = 0;
    bool at_end = false;
    fixture_exec(&db, "UPDATE nodes SET is_inactive = 1 WHERE id = (SELECT min(id) FROM nodes)");
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
    assert_int_equal(store_purge_nodes(db.store, 3, &node_id, &slice, &at_end), STATUS_OK);
    assert_int_equal(store_commit(db.store), STATUS_OK);
    store_forget(db.store);
}

static void live(void)
{
    for (int step = 0; step < STEPS; step++) {
        now_ms += random_below(HOUR);
        if (random_below(3) == 0 && cutoff_ms < now_ms - 12 * HOUR)
            cutoff_ms += HOUR;
        hear_some();
        for (uint32_t n = random_below(4); n > 0; n--)
            IGNORE(count_slice(), "another comes");
        for (uint32_t n = random_below(6); n > 0; n--)
            let_some_go();
        if (step % 50 == 49)
            let_a_node_go();
    }
    let_the_rest_go();
}

static const char *const derived[] = {
    "SELECT kind, key, hour, observations, transmissions FROM rollups ORDER BY 1, 2, 3",
    "SELECT node_id, observer_id, count, snr_n, snr_sum, rssi_n, rssi_sum, hops_sum"
    " FROM node_observers ORDER BY 1, 2",
};

static void what_is_left_equals_a_recount(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        fixture_db_open_with(&db, &(struct store_params){.scopes = scopes});
        now_ms = T0 + (int64_t)random_below(24) * HOUR;
        cutoff_ms = now_ms - 12 * HOUR;
        live();
        recount_assert_early(&db);
        if (round % 2 == 0) {
            count_all();
            recount_assert_late(&db);
        }
        /* Rows that are not counted yet are by the rebuild, where their hour is gone, too. */
        assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
        recount_assert(&db);
        char *rebuilt = fixture_dump_queries(db.path, derived, ARRAY_LEN(derived));
        assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
        recount_assert_same(fixture_dump_queries(db.path, derived, ARRAY_LEN(derived)), rebuilt);
        free(rebuilt);
        live();
        count_all();
        recount_assert(&db);
        assert_true(fixture_int(&db, "SELECT count(*) FROM rollups WHERE hour * 3600000 <"
                                     " (SELECT retained_from_ms FROM meta)") > 100);
        fixture_db_close(&db);
    }
}

/* What was counted before its packets left stays, whatever was counted when. */
static void rollups_of_hours_that_are_gone_tell_of_all_that_came(void **state)
{
    (void)state;
    char wanted[160];
    char text[512];
    fixture_db_open_with(&db, &(struct store_params){.scopes = scopes});
    now_ms = T0;
    cutoff_ms = T0 - 12 * HOUR;
    live();
    count_all();
    assert_true(fixture_int(&db, "SELECT count(*) FROM observations") <
                fixture_int(&db, "SELECT max(id) FROM observations"));
    (void)snprintf(wanted, sizeof wanted, "%lld %lld",
                   (long long)fixture_int(
                       &db, "SELECT sum(observations) FROM rollups WHERE kind = 0 AND key = 0"),
                   (long long)fixture_int(
                       &db, "SELECT sum(transmissions) FROM rollups WHERE kind = 0 AND key = 0"));
    for (int i = 0; i < 2; i++) {
        assert_string_equal(
            fixture_text_of(&db,
                            "SELECT (SELECT sum(observations) FROM rollups WHERE kind = 8) || ' '"
                            " || (SELECT sum(transmissions) FROM rollups WHERE kind = 9)",
                            text),
            wanted);
        assert_int_equal(fixture_int(&db, "SELECT sum(observations) FROM rollups WHERE kind = 10"),
                         fixture_int(&db, "SELECT sum(observations) FROM rollups WHERE kind = 0"));
        if (i == 0)
            assert_int_equal(store_rebuild(db.store, NULL), STATUS_OK);
    }
    fixture_db_close(&db);
}

int main(void)
{
    static char name[] = "#test";
    char *names[] = {name};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_equals_a_recount),
        cmocka_unit_test(rollups_of_hours_that_are_gone_tell_of_all_that_came),
    };
    if (!crypto_init())
        return 1;
    scopes = region_scopes_new(&(struct config_list){names, 1});
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    region_scopes_free(scopes);
    return failed;
}
