/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/supervise/restart_policy.h"

#define S  ((mono_us)US_PER_S)
#define MS ((mono_us)US_PER_MS)

static mono_us die(struct restart_policy *policy, mono_us healthy_since, mono_us now)
{
    mono_us wait = -1;
    assert_int_equal(restart_policy_died(policy, healthy_since, now, true, &wait),
                     RESTART_AFTER_WAIT);
    return wait;
}

static void backs_off_from_100_ms_to_30_s(void **state)
{
    (void)state;
    struct restart_policy policy;
    restart_policy_init(&policy, 100);
    static const mono_us expected[] = {100 * MS,   200 * MS,  400 * MS,  800 * MS,
                                       1600 * MS,  3200 * MS, 6400 * MS, 12800 * MS,
                                       25600 * MS, 30 * S,    30 * S};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(die(&policy, 0, 1000 * S), expected[i]);
}

static void restarts_at_once_after_ten_healthy_seconds(void **state)
{
    (void)state;
    struct restart_policy policy;
    restart_policy_init(&policy, 10);
    assert_int_equal(die(&policy, 0, 1 * S), 100 * MS);
    assert_int_equal(die(&policy, 5 * S, 14 * S), 200 * MS); /* nine seconds are not enough */
    assert_int_equal(die(&policy, 20 * S, 30 * S), 0);
    assert_int_equal(die(&policy, 0, 31 * S), 100 * MS); /* the backoff was reset */
}

static void spends_and_regains_its_budget(void **state)
{
    (void)state;
    struct restart_policy policy;
    mono_us wait;
    restart_policy_init(&policy, 2);
    IGNORE(die(&policy, 0, 1 * S), "only the budget matters");
    IGNORE(die(&policy, 0, 2 * S), "only the budget matters");
    assert_int_equal(restart_policy_died(&policy, 0, 3 * S, true, &wait), RESTART_SPENT);
    assert_int_equal(wait, RESTART_FAILED_WAIT_US);
    restart_policy_healthy(&policy, 400 * S, 459 * S);
    assert_int_equal(policy.budget, 0);
    restart_policy_healthy(&policy, 400 * S, 460 * S);
    assert_int_equal(policy.budget, 1);
    restart_policy_healthy(&policy, 400 * S, 4000 * S);
    assert_int_equal(policy.budget, 2); /* never above maxProcessRestarts */
}

static void uncharged_deaths_wait_but_cost_nothing(void **state)
{
    (void)state;
    struct restart_policy policy;
    mono_us wait;
    restart_policy_init(&policy, 0);
    assert_int_equal(restart_policy_died(&policy, 0, 1 * S, false, &wait), RESTART_AFTER_WAIT);
    assert_int_equal(wait, 100 * MS);
    assert_int_equal(restart_policy_died(&policy, 0, 1 * S, true, &wait), RESTART_SPENT);
}

static void a_new_maximum_keeps_what_was_used(void **state)
{
    (void)state;
    struct restart_policy policy;
    restart_policy_init(&policy, 2);
    mono_us wait;
    (void)restart_policy_died(&policy, 0, US_PER_S, true, &wait);
    restart_policy_resize(&policy, 5);
    assert_int_equal(policy.budget, 4);
    restart_policy_resize(&policy, 0);
    assert_int_equal(policy.budget, 0);
    assert_int_equal(restart_policy_died(&policy, 0, US_PER_S, true, &wait), RESTART_SPENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backs_off_from_100_ms_to_30_s),
        cmocka_unit_test(restarts_at_once_after_ten_healthy_seconds),
        cmocka_unit_test(spends_and_regains_its_budget),
        cmocka_unit_test(uncharged_deaths_wait_but_cost_nothing),
        cmocka_unit_test(a_new_maximum_keeps_what_was_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
