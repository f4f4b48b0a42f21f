/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/observers/series.h"

#include <math.h>

#define MIN   INT64_C(60000)
#define NONE  ((double)NAN)
#define START (INT64_C(1774800000000) / (60 * MIN) * (60 * MIN)) /* a full hour */

static struct series_sample at(int64_t minutes, double uptime, double tx, double errors,
                               double received)
{
    return (struct series_sample){.receipt_ms = START + minutes * MIN,
                                  .noise_floor = -110,
                                  .battery_mv = 4000 - (double)minutes,
                                  .uptime_secs = uptime,
                                  .tx_air_secs = tx,
                                  .rx_air_secs = NONE,
                                  .recv_errors = errors,
                                  .packets_sent = NONE,
                                  .packets_recv = received};
}

/* All points of the samples. */
static size_t run(struct series_point *out, int64_t bucket_ms, const struct series_sample *samples,
                  size_t count)
{
    struct series s;
    size_t n = 0;
    series_begin(&s, bucket_ms, NULL);
    for (size_t i = 0; i < count; i++)
        n += series_add(&s, &samples[i], &out[n]);
    return n + series_end(&s, &out[n]);
}

static void test_a_point_per_sample(void **state)
{
    (void)state;
    const struct series_sample samples[] = {at(0, 100, 10, 1, 99), at(5, 400, 40, 2, 108)};
    struct series_point p[3];
    assert_int_equal(run(p, 0, samples, 2), 2);
    assert_true(isnan(p[0].tx_airtime_pct) && isnan(p[0].recv_error_rate));
    assert_true(p[0].tx_air_secs == 10 && p[0].noise_floor == -110 && p[0].battery_mv == 4000);
    assert_true(p[1].at_ms == START + 5 * MIN);
    assert_true(p[1].tx_airtime_pct == 10);  /* 30 of 300 seconds */
    assert_true(p[1].recv_error_rate == 10); /* 1 of 10 */
    assert_true(isnan(p[1].rx_airtime_pct) && isnan(p[1].rx_air_secs));
    assert_false(p[0].is_reboot || p[1].is_reboot);
}

static void test_the_sample_before_counts(void **state)
{
    (void)state;
    const struct series_sample before = at(-5, 100, 10, 0, 0);
    const struct series_sample now = at(0, 400, 25, 0, 0);
    struct series s;
    struct series_point p;
    series_begin(&s, 0, &before);
    assert_false(series_add(&s, &now, &p));
    assert_true(series_end(&s, &p));
    assert_true(p.tx_airtime_pct == 5);
    assert_true(isnan(p.recv_error_rate)); /* nothing came */
    assert_false(series_end(&s, &p));
}

static void test_reboots(void **state)
{
    (void)state;
    static const struct {
        double before, now; /* uptimes, five minutes apart */
        double tx;          /* from 50 */
        bool is_reboot;
    } cases[] = {
        {1000, 1300, 60, false}, {1000, 100, 60, true},     {1000, 1000, 60, true},
        {10, 20, 60, true}, /* shorter than the time in between */
        {NONE, 20, 60, false},   {NONE, 20, 40, true},      {1000, NONE, 40, true},
        {1000, 1300, 40, false}, {NONE, NONE, NONE, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct series_sample samples[] = {at(0, cases[i].before, 50, NONE, NONE),
                                                at(5, cases[i].now, cases[i].tx, NONE, NONE)};
        struct series_point p[3];
        assert_int_equal(run(p, 0, samples, 2), 2);
        if (p[1].is_reboot != cases[i].is_reboot)
            fail_msg("case %zu", i);
        assert_int_equal(isfinite(p[1].tx_airtime_pct), !cases[i].is_reboot && cases[i].tx >= 50);
    }
}

static void test_buckets(void **state)
{
    (void)state;
    const struct series_sample samples[] = {
        at(0, 1000, 0, 0, 0),   at(30, 2800, 180, 1, 9), /* 10 % of 30 minutes */
        at(65, 10, 5, 0, 0),                             /* started anew */
        at(70, 310, 35, 0, 10), at(75, 610, 35, 5, 15),
    };
    struct series_point p[6];
    assert_int_equal(run(p, 60 * MIN, samples, ARRAY_LEN(samples)), 2);
    assert_true(p[0].at_ms == START && p[1].at_ms == START + 60 * MIN);
    assert_true(p[0].tx_airtime_pct == 10 && p[0].recv_error_rate == 10);
    assert_true(p[0].battery_mv == 3985 && p[0].tx_air_secs == 180);
    assert_false(p[0].is_reboot);
    assert_true(p[1].is_reboot);
    assert_true(p[1].tx_airtime_pct == 5);   /* 30 of 600 seconds, not those across the start */
    assert_true(p[1].recv_error_rate == 25); /* 5 of 20 */
    assert_int_equal(run(p, 60 * MIN, samples, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_point_per_sample),
        cmocka_unit_test(test_the_sample_before_counts),
        cmocka_unit_test(test_reboots),
        cmocka_unit_test(test_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
