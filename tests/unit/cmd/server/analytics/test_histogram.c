/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/analytics/histogram.h"

#include <math.h>
#include <string.h>

static void figures_are_of_the_middle_of_bins(void **state)
{
    (void)state;
    const uint64_t counts[] = {0, 1, 0, 2, 1, 0};
    const struct histogram h = {counts, ARRAY_LEN(counts), -10, 5, 2};
    assert_int_equal(histogram_total(&h), 4);
    assert_true(histogram_min(&h) == -5 && histogram_max(&h) == 14);
    assert_true(histogram_median(&h) == 7);
    assert_true(histogram_mean(&h) == (-3 + 7 + 7 + 12) / 4.0);
    assert_true(fabs(histogram_deviation(&h) - 5.448623679425842) < 1e-9);
}

static void of_nothing_all_is_zero(void **state)
{
    (void)state;
    const uint64_t counts[3] = {0};
    char text[128];
    struct json_write w;
    const struct histogram h = {counts, 3, 1, 1, 0};
    assert_int_equal(histogram_total(&h), 0);
    assert_true(histogram_min(&h) == 0 && histogram_max(&h) == 0 && histogram_mean(&h) == 0);
    assert_true(histogram_median(&h) == 0 && histogram_deviation(&h) == 0);
    jw_init(&w, text, sizeof text);
    histogram_write(&w, NULL, &h, 20, 0, 0);
    assert_true(jw_finish(&w) > 0);
    assert_string_equal(text, "{\"bins\":[],\"min\":0,\"max\":0}");
}

static void bins_are_put_together_until_there_are_few(void **state)
{
    (void)state;
    uint64_t counts[50] = {0};
    char text[512];
    struct json_write w;
    const struct histogram h = {counts, ARRAY_LEN(counts), 0, 1, 0};
    for (size_t i = 10; i <= 20; i++)
        counts[i] = 1;
    jw_init(&w, text, sizeof text);
    histogram_write(&w, NULL, &h, 4, 10, 20.126);
    assert_true(jw_finish(&w) > 0);
    assert_string_equal(text,
                        "{\"bins\":[{\"x\":10,\"w\":3,\"count\":3},{\"x\":13,\"w\":3,\"count\":3},"
                        "{\"x\":16,\"w\":3,\"count\":3},{\"x\":19,\"w\":3,\"count\":2}],"
                        "\"min\":10,\"max\":20.13}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_of_the_middle_of_bins),
        cmocka_unit_test(of_nothing_all_is_zero),
        cmocka_unit_test(bins_are_put_together_until_there_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
