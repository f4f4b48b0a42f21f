/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/summary/skew.h"
#include "common/base/clock.h"

#define NEWEST_MS INT64_C(1774798050000)

/* Newest first, a sample every `apart_s`, off by `off[i]`. */
static void make(struct skew_sample *samples, const double *off, size_t count, int64_t apart_s)
{
    for (size_t i = 0; i < count; i++) {
        samples[i].receipt_ms = NEWEST_MS - (int64_t)i * apart_s * MS_PER_S;
        samples[i].advert_s = samples[i].receipt_ms / MS_PER_S + (int64_t)off[i];
    }
}

static void means_and_medians_are_those_of_the_words(void **state)
{
    (void)state;
    struct skew_sample samples[6];
    struct skew skew;
    make(samples, (const double[]){10, 20, 30, 40, 50, 9000}, 6, 60);
    skew_measure(samples, 6, &skew);
    assert_int_equal(skew.sample_count, 6);
    assert_int_equal(skew.recent_count, 5);
    assert_float_equal((float)skew.mean_s, (float)(9150.0 / 6), (float)(1e-9));
    assert_float_equal((float)skew.median_s, (float)(35), (float)(1e-9));
    assert_float_equal((float)skew.last_s, (float)(10), (float)(1e-9));
    assert_float_equal((float)skew.recent_median_s, (float)(30), (float)(1e-9));
    assert_float_equal((float)skew.drift_per_day_s, (float)(0),
                       (float)(1e-9));          /* all within an hour */
    assert_int_equal(skew.recent_bad_count, 0); /* the bad one is not recent */
    assert_float_equal((float)skew.good_fraction, (float)(1), (float)(1e-9));
    assert_string_equal(skew.severity, "ok");
}

static void one_sample_is_enough(void **state)
{
    (void)state;
    struct skew_sample sample;
    struct skew skew;
    make(&sample, (const double[]){-7200}, 1, 0);
    skew_measure(&sample, 1, &skew);
    assert_float_equal((float)skew.mean_s, (float)(-7200), (float)(1e-9));
    assert_float_equal((float)skew.recent_median_s, (float)(-7200), (float)(1e-9));
    assert_int_equal(skew.recent_bad_count, 1);
    assert_float_equal((float)skew.good_fraction, (float)(0), (float)(1e-9));
    assert_string_equal(skew.severity, "critical");
}

static void drift_is_not_moved_by_one_wrong_sample(void **state)
{
    (void)state;
    struct skew_sample samples[8];
    struct skew skew;
    /* Newest first, a day apart: 10 seconds a day ahead. */
    make(samples, (const double[]){70, 60, 50, 40, 30, 20, 10, 0}, 8, 86400);
    skew_measure(samples, 8, &skew);
    assert_float_equal((float)skew.drift_per_day_s, (float)(10), (float)(1e-6));
    samples[3].advert_s += 1000000;
    skew_measure(samples, 8, &skew);
    assert_float_equal((float)skew.drift_per_day_s, (float)(10), (float)(2));
}

static void severity_has_the_limits_of_the_words(void **state)
{
    (void)state;
    assert_string_equal(skew_severity(299), "ok");
    assert_string_equal(skew_severity(-300), "warning");
    assert_string_equal(skew_severity(3599), "warning");
    assert_string_equal(skew_severity(3600), "critical");
    assert_string_equal(skew_severity(-30 * 86400), "absurd");
    assert_string_equal(skew_severity(365 * 86400), "no_clock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_and_medians_are_those_of_the_words),
        cmocka_unit_test(one_sample_is_enough),
        cmocka_unit_test(drift_is_not_moved_by_one_wrong_sample),
        cmocka_unit_test(severity_has_the_limits_of_the_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
