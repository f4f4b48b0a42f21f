/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/upkeep/clock_trust.h"

#define S    ((int64_t)US_PER_S)
#define WALL (INT64_C(1774796400) * S)

/* Ten seconds pass; the wall clock's are longer or shorter by `ppm`. */
static void pass(struct clock_trust *trust, wall_us *wall, mono_us *mono, int seconds, int64_t ppm)
{
    for (int i = 0; i < seconds; i += 10) {
        *mono += 10 * S;
        *wall += 10 * S + 10 * ppm;
        clock_trust_note(trust, *wall, *mono);
    }
}

static void ten_minutes_of_agreement_are_needed(void **state)
{
    (void)state;
    struct clock_trust trust = {0};
    wall_us wall = WALL;
    mono_us mono = 5 * S;
    assert_int_equal(clock_trust_judge(&trust, wall, mono, 0), CLOCK_TOO_NEW);
    clock_trust_note(&trust, wall, mono);
    pass(&trust, &wall, &mono, 590, 0);
    assert_int_equal(clock_trust_judge(&trust, wall, mono, 0), CLOCK_TOO_NEW);
    pass(&trust, &wall, &mono, 10, 0);
    assert_int_equal(clock_trust_judge(&trust, wall, mono, 0), CLOCK_TRUSTED);
    assert_int_equal(clock_trust_judge(&trust, wall, mono, wall), CLOCK_TRUSTED);
    assert_int_equal(clock_trust_judge(&trust, wall, mono, wall + 1), CLOCK_BEHIND);
}

/* One moment in the future leaves rows of then; a clock an hour behind is caught up with. */
static void what_is_more_than_a_day_ahead_is_an_outlier(void **state)
{
    (void)state;
    struct clock_trust trust = {0};
    wall_us wall = WALL;
    mono_us mono = 5 * S;
    const wall_us day = 86400 * S;
    clock_trust_note(&trust, wall, mono);
    assert_int_equal(clock_trust_judge(&trust, wall, mono, wall + 2 * day), CLOCK_TOO_NEW);
    pass(&trust, &wall, &mono, 600, 0);
    assert_int_equal(clock_trust_judge(&trust, wall, mono, wall + day), CLOCK_BEHIND);
    assert_int_equal(clock_trust_judge(&trust, wall, mono, wall + day + 1), CLOCK_TRUSTED);
    assert_int_equal(clock_trust_judge(&trust, wall, mono, wall + 3650 * day), CLOCK_TRUSTED);
}

static void a_jump_begins_anew(void **state)
{
    (void)state;
    static const int64_t jumps[] = {3 * S, -3 * S, 365 * 86400 * S, -365 * 86400 * S};
    for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
        struct clock_trust trust = {0};
        wall_us wall = WALL;
        mono_us mono = 5 * S;
        clock_trust_note(&trust, wall, mono);
        pass(&trust, &wall, &mono, 3600, 0);
        assert_int_equal(clock_trust_judge(&trust, wall, mono, 0), CLOCK_TRUSTED);
        wall += jumps[i];
        pass(&trust, &wall, &mono, 10, 0);
        assert_int_equal(clock_trust_judge(&trust, wall, mono, 0), CLOCK_TOO_NEW);
        pass(&trust, &wall, &mono, 590, 0);
        assert_int_equal(clock_trust_judge(&trust, wall, mono, 0), CLOCK_TOO_NEW);
        pass(&trust, &wall, &mono, 10, 0);
        assert_int_equal(clock_trust_judge(&trust, wall, mono, 0), CLOCK_TRUSTED);
    }
}

/* NTP slews by 0.05 %; a clock that runs 5 % fast is none. */
static void slewing_is_agreement_and_a_wrong_rate_is_not(void **state)
{
    (void)state;
    struct clock_trust trust = {0};
    wall_us wall = WALL;
    mono_us mono = 5 * S;
    clock_trust_note(&trust, wall, mono);
    pass(&trust, &wall, &mono, 3600, 500);
    assert_int_equal(clock_trust_judge(&trust, wall, mono, 0), CLOCK_TRUSTED);
    pass(&trust, &wall, &mono, 3600, 50000);
    assert_int_equal(clock_trust_judge(&trust, wall, mono, 0), CLOCK_TOO_NEW);
}

/* A flusher under backlog does not look for an hour. */
static void a_long_gap_allows_as_much_a_minute(void **state)
{
    (void)state;
    struct clock_trust trust = {0};
    clock_trust_note(&trust, WALL, 5 * S);
    clock_trust_note(&trust, WALL + 3600 * S + 100 * S, 5 * S + 3600 * S);
    assert_int_equal(clock_trust_judge(&trust, WALL + 3700 * S, 3605 * S, 0), CLOCK_TRUSTED);
    clock_trust_note(&trust, WALL + 7400 * S + 200 * S, 5 * S + 7200 * S);
    assert_int_equal(clock_trust_judge(&trust, WALL + 7600 * S, 7205 * S, 0), CLOCK_TOO_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_minutes_of_agreement_are_needed),
        cmocka_unit_test(what_is_more_than_a_day_ahead_is_an_outlier),
        cmocka_unit_test(a_jump_begins_anew),
        cmocka_unit_test(slewing_is_agreement_and_a_wrong_rate_is_not),
        cmocka_unit_test(a_long_gap_allows_as_much_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
