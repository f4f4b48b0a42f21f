/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/ops/forecast.h"

#include <math.h>

#define START INT64_C(1795960800)
#define MB    1e6

static struct forecast_point points[FORECAST_POINTS_MAX];

/* So many hours of a growth, from `first` bytes on. */
static void grow(size_t count, double first, double per_day)
{
    for (size_t i = 0; i < count; i++)
        points[i] =
            (struct forecast_point){START + (int64_t)i * 3600, first + per_day * (double)i / 24};
}

static struct forecast make(size_t count, double bytes, double disk_free, double limit)
{
    struct forecast f;
    const struct forecast_room room = {bytes, disk_free, limit};
    forecast_growth(points, count, &f);
    forecast_days(&room, &f);
    return f;
}

static void test_days_until_it_is_full(void **state)
{
    (void)state;
    grow(168, 1000 * MB, 24 * MB);
    const struct forecast f = make(168, 1168 * MB, 240 * MB, 1408 * MB);
    assert_true(fabs(f.growth_per_day - 24 * MB) < 1);
    assert_int_equal(f.basis_s, 167 * 3600);
    assert_true(fabs(f.days_to_disk - 10) < 1e-6 && fabs(f.days_to_limit - 10) < 1e-6);
    const struct forecast none = make(168, 1168 * MB, (double)NAN, (double)NAN);
    assert_true(isnan(none.days_to_disk) && isnan(none.days_to_limit));
    const struct forecast over = make(168, 1500 * MB, 0, 1408 * MB);
    assert_true(over.days_to_limit == 0 && over.days_to_disk == 0);
}

static void test_too_little_says_nothing(void **state)
{
    (void)state;
    grow(168, 0, MB);
    assert_true(isnan(make(FORECAST_POINTS_LEAST - 1, 0, MB, MB).growth_per_day));
    assert_int_equal(make(0, 0, MB, MB).basis_s, 0);
    for (size_t i = 0; i < 168; i++)
        points[i].unix_s = START + (int64_t)i;
    assert_true(isnan(make(168, 0, MB, MB).days_to_disk)); /* three minutes */
    for (size_t i = 0; i < 168; i++)
        points[i].unix_s = START;
    assert_true(isnan(make(168, 0, MB, MB).growth_per_day));
}

static void test_what_does_not_grow_is_never_full(void **state)
{
    (void)state;
    grow(48, 1000 * MB, 0);
    assert_true(make(48, 1000 * MB, MB, 0).growth_per_day == 0);
    assert_true(isnan(make(48, 1000 * MB, MB, 0).days_to_disk));
    grow(48, 1000 * MB, -5 * MB);
    assert_true(isnan(make(48, 1000 * MB, MB, 2000 * MB).days_to_limit));
}

/* A night in which retention let a third go, and an import of a gigabyte, are steps. */
static void test_a_step_does_not_tilt_it(void **state)
{
    (void)state;
    grow(168, 1000 * MB, 24 * MB);
    for (size_t i = 140; i < 168; i++)
        points[i].bytes -= 300 * MB;
    assert_true(fabs(make(168, MB, MB, 0).growth_per_day - 24 * MB) < 8 * MB);
    grow(168, 1000 * MB, 24 * MB);
    for (size_t i = 20; i < 168; i++)
        points[i].bytes += 1000 * MB;
    assert_true(fabs(make(168, MB, MB, 0).growth_per_day - 24 * MB) < 12 * MB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_until_it_is_full),
        cmocka_unit_test(test_too_little_says_nothing),
        cmocka_unit_test(test_what_does_not_grow_is_never_full),
        cmocka_unit_test(test_a_step_does_not_tilt_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
