/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/shared/limit_log.h"

#define S ((mono_us)US_PER_S)

static void the_first_is_said_at_once_and_then_once_a_second(void **state)
{
    (void)state;
    uint64_t outcomes[OUTCOME_COUNT] = {0};
    outcomes[OUTCOME_FILTERED_RATE] = 7;
    struct limit_log log;
    limit_log_init(&log, outcomes);
    mono_us now = 100 * S;
    assert_int_equal(limit_log_step(&log, LIMIT_FILTERED_RATE, 7, now), 0);
    assert_int_equal(limit_log_step(&log, LIMIT_FILTERED_RATE, 8, now), 1);
    assert_int_equal(limit_log_step(&log, LIMIT_FILTERED_RATE, 90, now + S - 1), 0);
    assert_int_equal(limit_log_step(&log, LIMIT_FILTERED_RATE, 100, now + S), 92);
    assert_int_equal(limit_log_step(&log, LIMIT_FILTERED_RATE, 100, now + 9 * S), 0);
    assert_int_equal(limit_log_step(&log, LIMIT_FILTERED_RATE, 101, now + 9 * S), 1);
}

static void each_reason_has_its_own_second(void **state)
{
    (void)state;
    const uint64_t outcomes[OUTCOME_COUNT] = {0};
    struct limit_log log;
    limit_log_init(&log, outcomes);
    for (enum limit_id i = LIMIT_FILTERED_RATE; i < LIMIT_COUNT; i++)
        assert_int_equal(limit_log_step(&log, i, 1, 5), 1);
    for (enum limit_id i = LIMIT_FILTERED_RATE; i < LIMIT_COUNT; i++)
        assert_int_equal(limit_log_step(&log, i, 2, 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_said_at_once_and_then_once_a_second),
        cmocka_unit_test(each_reason_has_its_own_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
