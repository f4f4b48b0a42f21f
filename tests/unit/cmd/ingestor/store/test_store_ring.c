/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/store/store_ring.h"
#include "tests/support/store_case.h"

#include <string.h>

#define T0 INT64_C(1774798050000) /* some receipt time */

static void assert_int_sql(const char *sql, int64_t wanted)
{
    commit_and_begin();
    assert_int_equal(fixture_int(&db, sql), wanted);
}

static void cursors_and_outcomes_come_back(void **state)
{
    (void)state;
    struct store_ring a = {.uuid = {1}, .chain = {9}, .source = "broker", .created_ms = 5};
    struct store_ring got = {0};
    assert_int_equal(store_cursor_load(db.store, a.uuid, &got), STATUS_NOT_FOUND);
    a.cursor =
        (struct ring_cursor){.offset = 4096, .number = 12, .passed = RING_PASSED | 0xfedcba98};
    a.appended = 14;
    a.tuple.consumed = 12;
    a.tuple.outcomes[OUTCOME_COMMITTED] = 10;
    a.tuple.outcomes[OUTCOME_REJECTED_JSON] = 2;
    assert_int_equal(store_cursor_save(db.store, &a), STATUS_OK);
    struct store_ring b = a;
    b.uuid[0] = 2;
    b.tuple.recovered = 3;
    b.cursor.passed = 0;
    assert_int_equal(store_cursor_save(db.store, &b), STATUS_OK);
    commit_and_begin();
    a.tuple.outcomes[OUTCOME_COMMITTED] = 11;
    a.tuple.consumed = 13;
    assert_int_equal(store_cursor_save(db.store, &a), STATUS_OK);
    commit_and_begin();
    store_forget(db.store);
    assert_int_equal(store_cursor_load(db.store, a.uuid, &got), STATUS_OK);
    assert_memory_equal(&got.tuple, &a.tuple, sizeof got.tuple);
    assert_memory_equal(got.chain, a.chain, sizeof got.chain);
    assert_int_equal(got.cursor.offset, 4096);
    assert_int_equal(got.cursor.number, 12);
    assert_int_equal(got.cursor.passed, RING_PASSED | 0xfedcba98);
    assert_int_equal(got.appended, 14);
    assert_int_sql("SELECT count(*) FROM ring_cursors WHERE last_crc IS NULL", 1);
    assert_string_equal(got.source, "broker");
    assert_text_sql(
        "SELECT group_concat(outcome || '=' || n) FROM"
        " (SELECT outcome, n FROM ring_outcomes WHERE hex(uuid) LIKE '01%' ORDER BY outcome)",
        "committed=11,rejected.json=2");
    struct flusher_tuple sum;
    assert_int_equal(store_chain_sum(db.store, a.chain, NULL, &sum), STATUS_OK);
    assert_int_equal(sum.consumed, 25);
    assert_int_equal(sum.recovered, 3);
    assert_int_equal(sum.outcomes[OUTCOME_COMMITTED], 21);
    assert_int_equal(store_chain_sum(db.store, a.chain, a.uuid, &sum), STATUS_OK);
    assert_int_equal(sum.consumed, 12);
    assert_int_equal(sum.outcomes[OUTCOME_REJECTED_JSON], 2);
}

static void count_closed(void *context, const struct store_closed_chain *chain)
{
    int *count = context;
    (*count)++;
    assert_string_equal(chain->source, "gone");
    assert_int_equal(chain->receiver.received, 30);
    assert_int_equal(chain->receiver.outcomes[OUTCOME_DROPPED_QUEUE_FULL], 4);
    assert_int_equal(chain->flusher.consumed, 26);
}

static void a_closed_chain_keeps_both_halves(void **state)
{
    (void)state;
    struct store_ring ring = {.uuid = {1}, .chain = {9}, .source = "gone"};
    ring.tuple.consumed = 26;
    struct receiver_tuple tuple = {.received = 30, .appended = 26};
    tuple.outcomes[OUTCOME_DROPPED_QUEUE_FULL] = 4;
    assert_int_equal(store_cursor_save(db.store, &ring), STATUS_OK);
    assert_int_equal(store_chain_close(db.store, ring.chain, &tuple), STATUS_OK);
    assert_int_equal(store_chain_close(db.store, ring.chain, &tuple), STATUS_OK);
    int count = 0;
    assert_int_equal(store_closed_chains(db.store, count_closed, &count), STATUS_OK);
    assert_int_equal(count, 1);
}

static void take_open(void *context, const struct store_closed_chain *chain)
{
    struct store_closed_chain *out = context;
    assert_int_equal(out->chain[0], 0); /* the only one */
    *out = *chain;
}

/* Its file is gone: what the last save knew is what the ledger says from then on. */
static void a_lost_chain_is_counted_and_closed(void **state)
{
    (void)state;
    struct store_ring ring = {.uuid = {1}, .chain = {9}, .source = "gone", .created_ms = 1};
    ring.tuple.consumed = ring.appended = 10;
    ring.tuple.outcomes[OUTCOME_COMMITTED] = 10;
    assert_int_equal(store_cursor_save(db.store, &ring), STATUS_OK);
    ring.uuid[0] = 2; /* took over */
    ring.created_ms = 2;
    ring.tuple.consumed = ring.tuple.outcomes[OUTCOME_COMMITTED] = 6;
    ring.appended = 20;
    assert_int_equal(store_cursor_save(db.store, &ring), STATUS_OK);
    struct receiver_tuple tuple = {.received = 23, .appended = 20};
    tuple.outcomes[OUTCOME_DROPPED_QUEUE_FULL] = 3;
    assert_int_equal(store_chain_note(db.store, ring.chain, &tuple, &(struct receiver_tuple){0}),
                     STATUS_OK);
    struct store_closed_chain chain = {0};
    assert_int_equal(store_open_chains(db.store, take_open, &chain), STATUS_OK);
    assert_int_equal(chain.lost, 4);
    assert_int_equal(store_chain_lose(db.store, &chain), STATUS_OK);
    commit_and_begin();

    struct store_closed_chain closed = {0};
    struct ledger ledger;
    assert_int_equal(store_open_chains(db.store, take_open, &closed), STATUS_OK);
    assert_int_equal(closed.chain[0], 0);
    assert_int_equal(store_closed_chains(db.store, take_open, &closed), STATUS_OK);
    assert_memory_equal(&closed.receiver, &chain.receiver, sizeof closed.receiver);
    assert_memory_equal(&closed.flusher, &chain.flusher, sizeof closed.flusher);
    ledger_combine(&closed.receiver, &closed.flusher, &ledger);
    assert_int_equal(ledger.received, 23);
    assert_int_equal(ledger.outcomes[OUTCOME_COMMITTED], 16);
    assert_int_equal(ledger.outcomes[OUTCOME_DROPPED_GAP], 4);
    assert_int_equal(ledger.outcomes[OUTCOME_DROPPED_QUEUE_FULL], 3);
    assert_int_equal(ledger.queued + (uint64_t)ledger.unaccounted, 0);

    assert_int_equal(store_chain_reopen(db.store, ring.chain), STATUS_OK); /* it came back */
    closed.chain[0] = 0;
    assert_int_equal(store_open_chains(db.store, take_open, &closed), STATUS_OK);
    assert_int_equal(closed.lost, 0);
}

static void dead_letters_are_whole_and_bounded(void **state)
{
    (void)state;
    struct ring_message message = {.topic = "meshcore/X/1/packets",
                                   .topic_len = 20,
                                   .payload = (const uint8_t *)"a\0b",
                                   .payload_len = 3,
                                   .receipt = T0 * 1000};
    for (int i = 0; i < 1003; i++)
        assert_int_equal(store_dead_letter(db.store, "broker", &message, "signal 11"), STATUS_OK);
    commit_and_begin();
    assert_int_sql("SELECT count(*) FROM dead_letter", 1000);
    assert_int_sql("SELECT min(id) FROM dead_letter", 4);
    assert_text_sql("SELECT topic || ' ' || hex(payload) || ' ' || receipt_ms || ' ' || reason"
                    " FROM dead_letter LIMIT 1",
                    "meshcore/X/1/packets 610062 1774798050000 signal 11");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(cursors_and_outcomes_come_back),
        T(a_closed_chain_keeps_both_halves),
        T(a_lost_chain_is_counted_and_closed),
        T(dead_letters_are_whole_and_bounded),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
