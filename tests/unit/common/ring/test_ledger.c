/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/ring/ledger.h"

#include <string.h>

/* Promise P1 as it is published. */
static uint64_t accounted(const struct ledger *ledger)
{
    uint64_t sum = ledger->queued;
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        sum += ledger->outcomes[i];
    return sum;
}

static void each_outcome_has_its_own_bucket_and_reason(void **state)
{
    (void)state;
    static const char *const with_reason[] = {"filtered", "rejected", "dropped"};
    for (int a = 0; a < OUTCOME_COUNT; a++) {
        const struct outcome_info *info = outcome_info((enum outcome)a);
        bool needs_reason = false;
        for (size_t i = 0; i < ARRAY_LEN(with_reason); i++)
            needs_reason |= strcmp(info->bucket, with_reason[i]) == 0;
        assert_int_equal(info->reason[0] != '\0', needs_reason);
        for (int b = 0; b < a; b++) {
            const struct outcome_info *other = outcome_info((enum outcome)b);
            assert_false(strcmp(info->bucket, other->bucket) == 0 &&
                         strcmp(info->reason, other->reason) == 0);
        }
    }
    assert_int_equal(outcome_info(OUTCOME_DROPPED_QUEUE_FULL)->side, OUTCOME_SIDE_RECEIVER);
    assert_int_equal(outcome_info(OUTCOME_COMMITTED)->side, OUTCOME_SIDE_FLUSHER);
}

static void a_loss_is_no_fault_of_the_message(void **state)
{
    (void)state;
    size_t losses = 0;
    for (enum outcome o = 0; o < OUTCOME_COUNT; o++)
        losses += outcome_is_loss(o);
    assert_int_equal(losses, 6); /* four ways to be dropped */
    assert_true(outcome_is_loss(OUTCOME_DROPPED_GAP) && outcome_is_loss(OUTCOME_DEAD));
    assert_true(outcome_is_loss(OUTCOME_REJECTED_STORE));
    assert_false(outcome_is_loss(OUTCOME_REJECTED_JSON) || outcome_is_loss(OUTCOME_FILTERED_RATE));
}

static void balanced_halves_leave_nothing_unaccounted(void **state)
{
    (void)state;
    struct receiver_tuple r = {.received = 100, .appended = 90};
    r.outcomes[OUTCOME_DROPPED_QUEUE_FULL] = 7;
    r.outcomes[OUTCOME_FILTERED_RATE] = 3;
    struct flusher_tuple f = {.consumed = 80};
    f.outcomes[OUTCOME_COMMITTED] = 60;
    f.outcomes[OUTCOME_DUPLICATE] = 15;
    f.outcomes[OUTCOME_REJECTED_JSON] = 4;
    f.outcomes[OUTCOME_DEAD] = 1;
    struct ledger ledger;
    ledger_combine(&r, &f, &ledger);
    assert_int_equal(ledger.received, 100);
    assert_int_equal(ledger.queued, 10);
    assert_int_equal(ledger.unaccounted, 0);
    assert_int_equal(ledger.outcomes[OUTCOME_COMMITTED], 60);
    assert_int_equal(ledger.outcomes[OUTCOME_DROPPED_QUEUE_FULL], 7);
    assert_int_equal(accounted(&ledger), ledger.received);
}

static void a_loss_on_either_side_shows_with_its_sign(void **state)
{
    (void)state;
    struct receiver_tuple r = {.received = 10, .appended = 9};
    struct flusher_tuple f = {.consumed = 9};
    f.outcomes[OUTCOME_COMMITTED] = 9;
    struct ledger ledger;
    ledger_combine(&r, &f, &ledger);
    assert_int_equal(ledger.unaccounted, 1); /* received, but neither appended nor counted */
    r.received = 9;
    f.outcomes[OUTCOME_COMMITTED] = 7;
    ledger_combine(&r, &f, &ledger);
    assert_int_equal(ledger.unaccounted, 2); /* consumed without an outcome */
    f.outcomes[OUTCOME_COMMITTED] = 10;
    ledger_combine(&r, &f, &ledger);
    assert_int_equal(ledger.unaccounted, -1); /* one message with two outcomes */
}

static void recovered_records_count_as_received(void **state)
{
    (void)state;
    struct receiver_tuple r = {.received = 50, .appended = 50};
    struct flusher_tuple f = {.consumed = 55, .recovered = 5};
    f.outcomes[OUTCOME_COMMITTED] = 55;
    struct ledger ledger;
    ledger_combine(&r, &f, &ledger);
    assert_int_equal(ledger.received, 55);
    assert_int_equal(ledger.queued, 0);
    assert_int_equal(ledger.unaccounted, 0);
}

static void an_older_receiver_tuple_never_breaks_the_balance(void **state)
{
    (void)state;
    struct receiver_tuple r = {.received = 10, .appended = 10};
    struct flusher_tuple f = {.consumed = 14};
    f.outcomes[OUTCOME_COMMITTED] = 14;
    struct ledger ledger;
    ledger_combine(&r, &f, &ledger);
    assert_int_equal(ledger.queued, 0);
    assert_int_equal(ledger.unaccounted, 0);
    assert_int_equal(accounted(&ledger), ledger.received);
}

static void totals_are_sums(void **state)
{
    (void)state;
    struct ledger total = {.received = 1, .queued = 2, .unaccounted = -3};
    total.outcomes[OUTCOME_DEAD] = 4;
    struct ledger part = {.received = 10, .queued = 20, .unaccounted = 30};
    part.outcomes[OUTCOME_DEAD] = 40;
    part.outcomes[OUTCOME_REJECTED_STORE] = 1;
    ledger_add(&total, &part);
    assert_int_equal(total.received, 11);
    assert_int_equal(total.queued, 22);
    assert_int_equal(total.unaccounted, 27);
    assert_int_equal(total.outcomes[OUTCOME_DEAD], 44);
    assert_int_equal(total.outcomes[OUTCOME_REJECTED_STORE], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_outcome_has_its_own_bucket_and_reason),
        cmocka_unit_test(a_loss_is_no_fault_of_the_message),
        cmocka_unit_test(balanced_halves_leave_nothing_unaccounted),
        cmocka_unit_test(a_loss_on_either_side_shows_with_its_sign),
        cmocka_unit_test(recovered_records_count_as_received),
        cmocka_unit_test(an_older_receiver_tuple_never_breaks_the_balance),
        cmocka_unit_test(totals_are_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
