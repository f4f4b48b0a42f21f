/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/receive/observer_rate.h"

#include <stdio.h>
#include <string.h>

#define S     ((mono_us)US_PER_S)
#define BEGIN (1000 * S)

static bool take(struct observer_rate *rate, const char *name, mono_us now)
{
    return observer_rate_take(rate, name, strlen(name), now);
}

static int take_many(struct observer_rate *rate, const char *name, int count, mono_us now)
{
    int taken = 0;
    for (int i = 0; i < count; i++)
        taken += take(rate, name, now);
    return taken;
}

static void burst_is_ten_seconds_worth_and_refills_at_the_rate(void **state)
{
    (void)state;
    struct observer_rate *rate = observer_rate_new(50, 1);
    assert_non_null(rate);
    assert_int_equal(take_many(rate, "a", 1000, BEGIN), 500);
    assert_int_equal(take_many(rate, "a", 10, BEGIN + S / 50 - 1), 0);
    assert_int_equal(take_many(rate, "a", 10, BEGIN + S / 50), 1);
    assert_int_equal(take_many(rate, "a", 1000, BEGIN + S / 50 + S), 50);
    assert_int_equal(take_many(rate, "a", 1000, BEGIN + 100 * S), 500);
    observer_rate_free(rate);
}

static void a_steady_observer_at_the_rate_is_never_refused(void **state)
{
    (void)state;
    struct observer_rate *rate =
        observer_rate_new(3, 1); /* a third of a second is not a whole number */
    for (int64_t i = 0; i < 100000; i++)
        assert_true(take(rate, "a", BEGIN + i * S / 3));
    observer_rate_free(rate);
}

static void observers_do_not_share(void **state)
{
    (void)state;
    struct observer_rate *rate = observer_rate_new(1, 7);
    assert_int_equal(take_many(rate, "a", 20, BEGIN), 10);
    assert_int_equal(take_many(rate, "b", 20, BEGIN), 10);
    assert_int_equal(take_many(rate, "", 20, BEGIN), 10);
    observer_rate_free(rate);
}

static void upper_and_lower_case_is_one_observer(void **state)
{
    (void)state;
    struct observer_rate *rate = observer_rate_new(1, 7);
    assert_int_equal(take_many(rate, "ABCDEF01", 6, BEGIN), 6);
    assert_int_equal(take_many(rate, "abcdef01", 6, BEGIN), 4);
    observer_rate_free(rate);
}

static void the_least_recently_used_slot_is_recycled(void **state)
{
    (void)state;
    struct observer_rate *rate = observer_rate_new(1, 7);
    char name[16];
    for (int i = 0; i < OBSERVER_SLOTS; i++) {
        (void)snprintf(name, sizeof name, "o%d", i);
        assert_int_equal(take_many(rate, name, 20, BEGIN), 10);
    }
    assert_false(take(rate, "o0", BEGIN)); /* used again: o1 is now the oldest */
    assert_true(take(rate, "new", BEGIN));
    assert_false(take(rate, "o0", BEGIN));
    assert_false(take(rate, "o4095", BEGIN));
    assert_true(take(rate, "o1", BEGIN)); /* was recycled: a full bucket again */
    observer_rate_free(rate);
}

static void survives_a_flood_of_names(void **state)
{
    (void)state;
    struct observer_rate *rate = observer_rate_new(1, 99);
    char name[32];
    for (int i = 0; i < 200000; i++) {
        (void)snprintf(name, sizeof name, "%d", (i * 7919) % 60000);
        IGNORE(take(rate, name, BEGIN + i), "only that the lists hold together");
    }
    assert_int_equal(take_many(rate, "last", 20, BEGIN + S), 10);
    observer_rate_free(rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_is_ten_seconds_worth_and_refills_at_the_rate),
        cmocka_unit_test(a_steady_observer_at_the_rate_is_never_refused),
        cmocka_unit_test(observers_do_not_share),
        cmocka_unit_test(upper_and_lower_case_is_one_observer),
        cmocka_unit_test(the_least_recently_used_slot_is_recycled),
        cmocka_unit_test(survives_a_flood_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
