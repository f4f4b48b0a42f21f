/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/verify/look_ahead.h"

static void two_cores_are_left(void **state)
{
    (void)state;
    assert_int_equal(look_ahead_threads(-1, 1), 0);
    assert_int_equal(look_ahead_threads(-1, 2), 0);
    assert_int_equal(look_ahead_threads(-1, 3), 1);
    assert_int_equal(look_ahead_threads(-1, 4), 2);
    assert_int_equal(look_ahead_threads(-1, 1000), CONFIG_VERIFIERS_MAX);
    assert_int_equal(look_ahead_threads(0, 8), 0);
    assert_int_equal(look_ahead_threads(5, 1), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_cores_are_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
