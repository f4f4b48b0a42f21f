/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/loop/rate.h"

#define START ((mono_us)1000 * US_PER_S)

static int taken(struct rate *rate, uint64_t client, int asks, mono_us now)
{
    int count = 0;
    for (int i = 0; i < asks; i++)
        count += rate_take(rate, client, now);
    return count;
}

static void test_a_burst_and_then_the_rate(void **state)
{
    (void)state;
    struct rate *rate = rate_new(5);
    assert_non_null(rate);
    assert_int_equal(taken(rate, 1, 1000, START), 5 * RATE_BURST_S);
    assert_int_equal(taken(rate, 2, 7, START), 7); /* another's is another's */
    for (int second = 1; second < 20; second++)
        assert_int_equal(taken(rate, 1, 1000, START + second * US_PER_S), 5);
    assert_int_equal(taken(rate, 1, 1000, START + 1000 * US_PER_S), 5 * RATE_BURST_S);
    rate_free(rate);
}

static void test_who_is_refused_has_a_token_within_a_second(void **state)
{
    (void)state;
    struct rate *rate = rate_new(1);
    assert_non_null(rate);
    assert_int_equal(taken(rate, 1, 100, START), RATE_BURST_S);
    assert_false(rate_take(rate, 1, START + US_PER_S / 2));
    assert_true(rate_take(rate, 1, START + US_PER_S));
    rate_free(rate);
}

/* However many there are: who asks all the time is not forgotten for those who asked once. */
static void test_the_rested_give_way(void **state)
{
    (void)state;
    struct rate *rate = rate_new(10);
    assert_non_null(rate);
    const uint64_t greedy = 77;
    int got = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        (void)rate_take(rate, 1000 + i, START);
        got += rate_take(rate, greedy, START);
        assert_true(rate_take(rate, greedy + 1, START + (mono_us)i * US_PER_S));
    }
    assert_int_equal(got, 10 * RATE_BURST_S);
    rate_free(rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_and_then_the_rate),
        cmocka_unit_test(test_who_is_refused_has_a_token_within_a_second),
        cmocka_unit_test(test_the_rested_give_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
