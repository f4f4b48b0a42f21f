/* SPDX-License-Identifier: MIT
 *
 * outbox: what a store with shards makes of a batch, what a copy adds, what is taken back, and how
 * the counts of messages follow the blocks. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/facts/outbox.h"
#include "cmd/ingestor/store/store.h"
#include "cmd/ingestor/store/store_ring.h"
#include "tests/support/store_fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)
#define T0      (INT64_C(480000) * HOUR_MS)

static const struct store_params two_shards = {.outbox = {.shards = 2, .max_bytes = 1 << 20}};
static const uint8_t chain[RING_UUID_BYTES] = "one chain's name";
static struct fixture_db db;

static int setup(void **state)
{
    (void)state;
    fixture_db_open_with(&db, &two_shards);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_db_close(&db);
    return 0;
}

static int64_t rows(const char *table)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql,
                   "SELECT coalesce(sum(rows), 0) FROM outbox WHERE into_text LIKE '%s (%%'",
                   table);
    return fixture_int(&db, sql);
}

static void begin(void)
{
    assert_int_equal(store_begin(db.store, false), STATUS_OK);
}

static void commit(void)
{
    assert_int_equal(store_commit(db.store), STATUS_OK);
}

static enum outcome hear(const char *observer, uint32_t seed, unsigned hops, int64_t receipt_ms)
{
    struct fixture_packet packet;
    fixture_text(&packet, observer, seed, hops, receipt_ms);
    return fixture_apply(db.store, &packet).outcome;
}

static uint64_t pending(void)
{
    struct flusher_tuple tuple;
    outbox_pending(store_outbox(db.store), chain, &tuple);
    assert_int_equal(tuple.consumed, tuple.outcomes[OUTCOME_COMMITTED]);
    return tuple.consumed;
}

/* A batch of so many messages of the chain. */
static void note(uint64_t messages)
{
    const struct flusher_tuple before = {.consumed = 7, .outcomes[OUTCOME_COMMITTED] = 7};
    struct flusher_tuple after = before;
    after.consumed += messages;
    after.outcomes[OUTCOME_COMMITTED] += messages;
    outbox_note(store_outbox(db.store), chain, &before, &after);
}

static void acknowledge(size_t shard, uint64_t epoch)
{
    begin();
    assert_int_equal(outbox_acknowledge(store_outbox(db.store), shard, epoch, 1000), STATUS_OK);
    commit();
}

static void test_a_packet_leaves_and_has_no_row_here(void **state)
{
    (void)state;
    struct fixture_packet advert;
    fixture_advert(&advert, "observer b",
                   &(struct fixture_advert){.key_seed = 3,
                                            .timestamp = 1700000000,
                                            .name = "node",
                                            .lat = (double)NAN,
                                            .lon = (double)NAN},
                   T0);
    begin();
    assert_int_equal(hear("observer a", 1, 0, T0), OUTCOME_COMMITTED);
    assert_int_equal(hear("observer b", 1, 1, T0 + 5), OUTCOME_COMMITTED);
    assert_int_equal(fixture_apply(db.store, &advert).outcome, OUTCOME_COMMITTED);
    commit();
    assert_int_equal(rows("obs"), 3);
    assert_int_equal(rows("tx"), 2);
    assert_int_equal(rows("adverts"), 1);
    assert_int_equal(rows("observers"), 2);
    assert_int_equal(rows("nodes"), 1);
    assert_int_equal(fixture_int(&db, "SELECT count(*) FROM observations"), 0);
    assert_int_equal(fixture_int(&db, "SELECT count(*) FROM transmissions"), 0);
    assert_int_equal(fixture_int(&db, "SELECT observations + transmissions FROM meta"), 0);
    assert_int_equal(fixture_int(&db, "SELECT count(*) FROM nodes"), 1);
    assert_int_equal(fixture_int(&db, "SELECT count(DISTINCT shard) FROM outbox"), 2);
    /* gzip */
    assert_int_equal(fixture_int(&db, "SELECT count(*) FROM outbox WHERE hex(substr(body, 1, 2))"
                                      " <> '1F8B'"),
                     0);
}

static void test_a_copy_is_sent_where_it_says_something_new(void **state)
{
    (void)state;
    struct fixture_packet packet;
    begin();
    assert_int_equal(hear("observer a", 1, 0, T0 + 10), OUTCOME_COMMITTED);
    assert_int_equal(hear("observer a", 1, 0, T0 + 20), OUTCOME_DUPLICATE);
    commit();
    assert_int_equal(rows("obs"), 1);
    begin();
    assert_int_equal(hear("observer a", 1, 0, T0 + 30), OUTCOME_DUPLICATE);
    assert_false(store_has_written(db.store));
    assert_int_equal(store_defer(db.store), STATUS_OK);
    begin();
    assert_int_equal(hear("observer a", 1, 0, T0), OUTCOME_DUPLICATE); /* earlier */
    commit();
    assert_int_equal(rows("obs"), 2);
    assert_int_equal(rows("tx"), 2);
    fixture_text(&packet, "observer a", 1, 0, T0 + 40);
    packet.envelope.packet.score = 0.5; /* which no copy had */
    begin();
    assert_int_equal(fixture_apply(db.store, &packet).outcome, OUTCOME_DUPLICATE);
    assert_int_equal(fixture_apply(db.store, &packet).outcome, OUTCOME_DUPLICATE);
    commit();
    assert_int_equal(rows("obs"), 3);
    assert_int_equal(rows("tx"), 2);
}

static void test_each_hour_has_a_row_of_the_packet(void **state)
{
    (void)state;
    begin();
    assert_int_equal(hear("observer a", 1, 0, T0), OUTCOME_COMMITTED);
    assert_int_equal(hear("observer b", 1, 0, T0 + HOUR_MS - 1), OUTCOME_COMMITTED);
    assert_int_equal(hear("observer c", 1, 0, T0 + HOUR_MS), OUTCOME_COMMITTED);
    commit();
    assert_int_equal(rows("tx"), 2);
}

static void test_what_is_taken_back_leaves_nothing(void **state)
{
    (void)state;
    struct fixture_packet packet;
    struct store_result result;
    fixture_text(&packet, "observer a", 1, 0, T0);
    begin();
    assert_int_equal(hear("observer a", 2, 0, T0), OUTCOME_COMMITTED);
    assert_int_equal(store_savepoint(db.store), STATUS_OK);
    assert_int_equal(store_packet(db.store, &packet.packet, &result), STATUS_OK);
    assert_int_equal(store_rollback_record(db.store), STATUS_OK);
    note(1);
    commit();
    assert_int_equal(rows("obs"), 1);
    assert_int_equal(pending(), 1);
    begin();
    assert_int_equal(hear("observer a", 1, 0, T0), OUTCOME_COMMITTED); /* it taught nothing */
    note(1);
    store_rollback(db.store);
    assert_int_equal(rows("obs"), 1);
    assert_int_equal(pending(), 1);
    begin();
    assert_int_equal(hear("observer a", 1, 0, T0), OUTCOME_COMMITTED);
    note(1);
    commit();
    assert_int_equal(rows("obs"), 2);
    assert_int_equal(pending(), 2);
}

static void test_counts_wait_for_the_last_block(void **state)
{
    (void)state;
    struct outbox *outbox = store_outbox(db.store);
    struct outbox_figures figures;
    begin();
    for (uint32_t seed = 0; seed < 20; seed++)
        assert_int_equal(hear("observer a", seed, 0, T0), OUTCOME_COMMITTED);
    note(20);
    commit();
    assert_int_equal(pending(), 20);
    assert_int_equal(outbox_figures(outbox, 1, &figures), STATUS_OK);
    assert_true(figures.blocks > 0 && figures.rows > 0 && figures.bytes > 0 &&
                figures.oldest_ms > 0);
    acknowledge(0, outbox_epoch(outbox) ^ 2); /* of another opening */
    assert_int_equal(fixture_int(&db, "SELECT count(DISTINCT shard) FROM outbox"), 2);
    acknowledge(0, outbox_epoch(outbox));
    assert_int_equal(fixture_int(&db, "SELECT count(DISTINCT shard) FROM outbox"), 1);
    assert_int_equal(pending(), 20);
    fixture_db_reopen_with(&db, &two_shards);
    outbox = store_outbox(db.store);
    assert_int_equal(pending(), 20);
    begin(); /* what a start sends again */
    commit();
    acknowledge(1, outbox_epoch(outbox));
    assert_int_equal(pending(), 0);
    acknowledge(0, outbox_epoch(outbox));
    assert_int_equal(fixture_int(&db, "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM"
                                      " outbox_batches) + (SELECT count(*) FROM outbox_outcomes)"),
                     0);
    assert_int_equal(outbox_figures(outbox, 1, &figures), STATUS_OK);
    assert_true(figures.blocks == 0 && figures.rows == 0 && figures.bytes == 0);
}

static void test_full_is_told(void **state)
{
    (void)state;
    const struct store_params small = {.outbox = {.shards = 1, .max_bytes = 100}};
    fixture_db_reopen_with(&db, &small);
    assert_false(outbox_is_full(store_outbox(db.store)));
    begin();
    assert_int_equal(hear("observer a", 1, 0, T0), OUTCOME_COMMITTED);
    commit();
    assert_true(outbox_is_full(store_outbox(db.store)));
}

static void test_blocks_are_not_left_behind(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct err err = {0};
    begin();
    assert_int_equal(hear("observer a", 1, 0, T0), OUTCOME_COMMITTED);
    commit();
    store_close(db.store);
    db.store = NULL;
    const struct store_params plain = {.path = db.path, .cache_mb = 8};
    assert_int_equal(store_open(&plain, &store, &err), STATUS_CONFIG);
    assert_non_null(strstr(err.text, "storeUrl"));
}

static void test_other_rows_follow_their_changes(void **state)
{
    (void)state;
    struct fixture_status status;
    fixture_status(&status, "observer a", 4100, T0, T0);
    begin();
    IGNORE(fixture_apply_status(db.store, &status), "asserts");
    commit();
    assert_int_equal(rows("samples"), 1);
    assert_int_equal(rows("observers"), 1);
    /* A start sends them once more: nobody knows what the one before had sent. */
    fixture_db_reopen_with(&db, &two_shards);
    begin();
    commit();
    assert_int_equal(rows("samples"), 1);
    assert_int_equal(rows("observers"), 2);
    fixture_status(&status, "observer a", 4000, T0 + 1000, T0 + 1000);
    begin();
    IGNORE(fixture_apply_status(db.store, &status), "asserts");
    commit();
    assert_int_equal(rows("observers"), 2); /* not with each message */
}

/* A copy that was received before the hour takes the count with it: the other hour's 0 is sent. */
static void test_a_count_that_is_gone_is_sent_as_none(void **state)
{
    (void)state;
    static const int64_t receipts[] = {T0 + 1000, T0 - 1000};
    static const int64_t sent[] = {1, 3};
    for (size_t i = 0; i < 2; i++) {
        struct fixture_status status;
        fixture_status(&status, "observer a", 4100, T0 - 6 * HOUR_MS, receipts[i]);
        status.envelope.time_is_naive = true;
        begin();
        IGNORE(fixture_apply_status(db.store, &status), "looked at below");
        commit();
        assert_int_equal(rows("observer_skew"), sent[i]);
    }
    assert_int_equal(fixture_int(&db, "SELECT count(*) FROM observer_skew"), 1);
    fixture_db_reopen_with(&db, &two_shards);
    begin();
    commit();
    assert_int_equal(rows("observer_skew"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_packet_leaves_and_has_no_row_here, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_copy_is_sent_where_it_says_something_new, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_each_hour_has_a_row_of_the_packet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_taken_back_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_wait_for_the_last_block, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blocks_are_not_left_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_rows_follow_their_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_count_that_is_gone_is_sent_as_none, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
