/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/clock.h"
#include "tests/support/fake_clock.h"

#include <time.h>

static void wall_is_unix_time(void **state)
{
    (void)state;
    const time_t before = time(NULL);
    const wall_us now = clock_wall();
    const time_t after = time(NULL);
    /* time() may read a coarser clock, up to a tick behind. */
    assert_true(now / US_PER_S >= before - 1 && now / US_PER_S <= after + 1);
}

static void mono_never_goes_back(void **state)
{
    (void)state;
    mono_us last = clock_mono();
    for (int i = 0; i < 10000; i++) {
        const mono_us now = clock_mono();
        assert_true(now >= last);
        last = now;
    }
}

static void both_clocks_can_be_replaced_and_restored(void **state)
{
    (void)state;
    fake_clock_install(1000, 50);
    fake_clock_advance(7);
    assert_int_equal(clock_wall(), 1007);
    assert_int_equal(clock_mono(), 57);
    fake_clock_set_wall(1);
    assert_int_equal(clock_wall(), 1);
    assert_int_equal(clock_mono(), 57);
    fake_clock_remove();
    assert_true(clock_wall() > 1000000LL * US_PER_S);
}

static void rfc3339_has_milliseconds_cut_not_rounded(void **state)
{
    (void)state;
    static const struct {
        wall_us time;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1774798050123999, "2026-03-29T15:27:30.123Z"},
        {951782400000000, "2000-02-29T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000001, "1969-12-31T23:59:58.999Z"},
        {2208988800000000, "2040-01-01T00:00:00.000Z"}, /* behind 2^31 seconds */
        {253402300799999999, "9999-12-31T23:59:59.999Z"},
        {253402300800000000, "1970-01-01T00:00:00.000Z"}, /* year 10000 has no such form */
        {INT64_MAX, "1970-01-01T00:00:00.000Z"},
        {INT64_MIN, "1970-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[32];
        assert_ptr_equal(clock_rfc3339(cases[i].time, out), out);
        assert_string_equal(out, cases[i].text);
    }
}

static void a_timespec_is_whole(void **state)
{
    (void)state;
    const struct timespec never = clock_timespec(0);
    assert_int_equal(never.tv_sec, 0);
    assert_int_equal(never.tv_nsec, 0);
    const struct timespec late = clock_timespec(INT64_C(2208988800999999)); /* 2040 */
    assert_int_equal(late.tv_sec, INT64_C(2208988800));
    assert_int_equal(late.tv_nsec, 999999000);
}

static void an_unknown_boot_is_no_boot(void **state)
{
    (void)state;
    assert_true(clock_is_same_boot("a", "a"));
    assert_false(clock_is_same_boot("a", "b"));
    assert_false(clock_is_same_boot("a", ""));
    assert_false(clock_is_same_boot("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_is_unix_time),
        cmocka_unit_test(mono_never_goes_back),
        cmocka_unit_test(both_clocks_can_be_replaced_and_restored),
        cmocka_unit_test(rfc3339_has_milliseconds_cut_not_rounded),
        cmocka_unit_test(a_timespec_is_whole),
        cmocka_unit_test(an_unknown_boot_is_no_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
