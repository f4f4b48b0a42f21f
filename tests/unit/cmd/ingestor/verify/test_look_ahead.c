/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/verify/look_ahead.h"

static void a_core_is_left_and_two_have_none_to_spare(void **state)
{
    (void)state;
    assert_int_equal(look_ahead_threads(-1, 1), 0);
    assert_int_equal(look_ahead_threads(-1, 2), 0);
    assert_int_equal(look_ahead_threads(-1, 3), 2);
    assert_int_equal(look_ahead_threads(-1, 4), 3);
    assert_int_equal(look_ahead_threads(-1, 1000), CONFIG_VERIFIERS_MAX);
    assert_int_equal(look_ahead_threads(0, 8), 0);
    assert_int_equal(look_ahead_threads(5, 1), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_core_is_left_and_two_have_none_to_spare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
