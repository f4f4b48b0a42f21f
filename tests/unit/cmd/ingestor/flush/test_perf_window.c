/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/flush/perf_window.h"

#include <math.h>

static void is_unknown_when_empty(void **state)
{
    (void)state;
    static const struct perf_window window;
    double p[4] = {1, 1, 1, 1};
    perf_window_percentiles(&window, p);
    for (size_t i = 0; i < 4; i++)
        assert_true(isnan(p[i]));
}

static void takes_the_nearest_rank(void **state)
{
    (void)state;
    static struct perf_window window;
    for (int i = 100; i >= 1; i--)
        perf_window_add(&window, i);
    double p[4];
    perf_window_percentiles(&window, p);
    assert_true(p[0] == 50 && p[1] == 95 && p[2] == 99 && p[3] == 100);
}

static void forgets_what_is_older_than_its_size(void **state)
{
    (void)state;
    static struct perf_window window;
    perf_window_add(&window, 1e9);
    for (int i = 0; i < PERF_WINDOW_SIZE; i++)
        perf_window_add(&window, 7);
    double p[4];
    perf_window_percentiles(&window, p);
    assert_true(p[0] == 7 && p[3] == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_unknown_when_empty),
        cmocka_unit_test(takes_the_nearest_rank),
        cmocka_unit_test(forgets_what_is_older_than_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
