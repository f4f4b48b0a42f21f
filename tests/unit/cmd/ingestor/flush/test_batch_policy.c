/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/flush/batch_policy.h"

#define MS US_PER_MS

static const struct batch_policy windowed = {
    .window_us = 200 * MS, .sync_interval_us = 100 * MS, .max_rows = 5000};
static const struct batch_policy immediate = {
    .window_us = 0, .sync_interval_us = 100 * MS, .max_rows = 5000};

static void waits_forever_for_nothing(void **state)
{
    (void)state;
    const struct batch_state empty = {.waiting = 0};
    assert_int_equal(batch_policy_wait_us(&windowed, &empty, 1000), INT64_MAX);
}

static void sleeps_out_the_window(void **state)
{
    (void)state;
    const struct batch_state one = {.waiting = 1, .waiting_since = 1000 * MS};
    assert_int_equal(batch_policy_wait_us(&windowed, &one, 1000 * MS), 200 * MS);
    assert_int_equal(batch_policy_wait_us(&windowed, &one, 1150 * MS), 50 * MS);
    assert_int_equal(batch_policy_wait_us(&windowed, &one, 1200 * MS), 0);
    assert_int_equal(batch_policy_wait_us(&windowed, &one, 9000 * MS), 0);
}

static void full_batch_cuts_the_window(void **state)
{
    (void)state;
    struct batch_state batch = {.waiting = 4999, .waiting_since = 0};
    assert_int_equal(batch_policy_wait_us(&windowed, &batch, 0), 200 * MS);
    batch.waiting = 5000;
    assert_int_equal(batch_policy_wait_us(&windowed, &batch, 0), 0);
}

static void waiting_receiver_cuts_the_window(void **state)
{
    (void)state;
    const struct batch_state batch = {.waiting = 1, .waiting_since = 0, .sync_wanted = true};
    assert_int_equal(batch_policy_wait_us(&windowed, &batch, 0), 0);
    assert_true(batch_policy_is_durable(&immediate, 0, 0, true));
}

static void immediate_commits_keep_two_ms_apart(void **state)
{
    (void)state;
    const struct batch_state batch = {
        .waiting = 1, .waiting_since = 1000 * MS, .last_begin = 999 * MS};
    assert_int_equal(batch_policy_wait_us(&immediate, &batch, 1000 * MS), 1 * MS);
    assert_int_equal(batch_policy_wait_us(&immediate, &batch, 1001 * MS), 0);
}

static void every_commit_is_durable_when_the_window_is_longer_than_the_interval(void **state)
{
    (void)state;
    assert_true(batch_policy_is_durable(&windowed, 1, 0, false));
}

static void short_window_makes_the_crossing_batch_durable(void **state)
{
    (void)state;
    const struct batch_policy policy = {
        .window_us = 20 * MS, .sync_interval_us = 100 * MS, .max_rows = 10};
    assert_false(batch_policy_is_durable(&policy, 99 * MS, 0, false));
    assert_true(batch_policy_is_durable(&policy, 100 * MS, 0, false));
}

static void no_window_leaves_the_sync_to_the_empty_commit(void **state)
{
    (void)state;
    assert_false(batch_policy_is_durable(&immediate, 150 * MS, 0, false));
    assert_true(batch_policy_is_durable(&immediate, 200 * MS, 0, false)); /* an endless backlog */
    assert_true(batch_policy_sync_due(&immediate, 100 * MS, 0, true, false));
    assert_false(batch_policy_sync_due(&immediate, 99 * MS, 0, true, false));
    assert_false(
        batch_policy_sync_due(&immediate, 500 * MS, 0, false, true)); /* nothing to make durable */
    assert_true(batch_policy_sync_due(&immediate, 1, 0, true, true));
}

static void known_messages_are_deferred_for_a_while(void **state)
{
    (void)state;
    const struct batch_policy small = {
        .window_us = 20 * MS, .sync_interval_us = 100 * MS, .max_rows = 10};
    assert_true(batch_policy_may_defer(&windowed, 5000 * MS, 5000 * MS, 1, false));
    assert_true(batch_policy_may_defer(&windowed, 6999 * MS, 5000 * MS, 9, false));
    assert_false(batch_policy_may_defer(&windowed, 7000 * MS, 5000 * MS, 9, false));
    assert_false(batch_policy_may_defer(&windowed, 5000 * MS, 5000 * MS, 1, true));
    assert_false(batch_policy_may_defer(&small, 5000 * MS, 5000 * MS, 10, false));
    assert_false(
        batch_policy_may_defer(&immediate, 5000 * MS, 5000 * MS, BATCH_DEFER_ROWS + 1, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_forever_for_nothing),
        cmocka_unit_test(sleeps_out_the_window),
        cmocka_unit_test(full_batch_cuts_the_window),
        cmocka_unit_test(waiting_receiver_cuts_the_window),
        cmocka_unit_test(immediate_commits_keep_two_ms_apart),
        cmocka_unit_test(every_commit_is_durable_when_the_window_is_longer_than_the_interval),
        cmocka_unit_test(short_window_makes_the_crossing_batch_durable),
        cmocka_unit_test(no_window_leaves_the_sync_to_the_empty_commit),
        cmocka_unit_test(known_messages_are_deferred_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
