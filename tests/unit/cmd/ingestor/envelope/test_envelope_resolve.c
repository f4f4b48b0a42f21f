/* SPDX-License-Identifier: MIT
 *
 * protocol.md section 8, resolveRxTime: each rule at its edge. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/envelope/envelope.h"

#define NOW    ((int64_t)1774798050500)
#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static void check(int64_t ahead_ms, bool is_naive, int64_t expected_ahead_ms, int64_t expected_skew)
{
    const struct envelope envelope = {
        .has_time = true, .envelope_ms = NOW + ahead_ms, .time_is_naive = is_naive};
    int64_t skew = 7;
    const int64_t ms = envelope_resolve_time(&envelope, NOW, &skew);
    if (ms != NOW + expected_ahead_ms || skew != expected_skew)
        fail_msg("%lld ms ahead: %lld, skew %lld", (long long)ahead_ms, (long long)(ms - NOW),
                 (long long)skew);
}

/* Rules 1 and 2. */
static void takes_our_time_without_one(void **state)
{
    (void)state;
    const struct envelope envelope = {.has_time = false, .envelope_ms = 5, .time_is_naive = true};
    int64_t skew = 7;
    assert_int_equal(envelope_resolve_time(&envelope, NOW, &skew), NOW);
    assert_true(skew == ENVELOPE_NO_SKEW);
}

/* Rules 3 and 4: nothing that a running clock says, so no skew either. */
static void disbelieves_what_no_clock_says(void **state)
{
    (void)state;
    for (int is_naive = 0; is_naive <= 1; is_naive++) {
        check(14 * HOUR + 1, is_naive, 0, ENVELOPE_NO_SKEW);
        check(-30 * DAY - 1, is_naive, 0, ENVELOPE_NO_SKEW);
        check(365 * DAY, is_naive, 0, ENVELOPE_NO_SKEW);
        check(-NOW, is_naive, 0, ENVELOPE_NO_SKEW);
    }
    check(14 * HOUR, true, 0, 14 * 3600);
    check(-30 * DAY, true, 0, -30 * 24 * 3600);
    check(-30 * DAY, false, -30 * DAY, ENVELOPE_NO_SKEW);
}

/* Rule 5. */
static void measures_the_skew_of_naive_times(void **state)
{
    (void)state;
    check(15 * MINUTE, true, 0, ENVELOPE_NO_SKEW);
    check(15 * MINUTE + 1, true, 0, 900);
    check(-15 * MINUTE, true, -15 * MINUTE, ENVELOPE_NO_SKEW);
    check(-15 * MINUTE - 1, true, 0, -900);
    check(2 * HOUR, true, 0, 7200);
    check(-7 * HOUR - 999, true, 0, -25200);
    check(-7 * HOUR, false, -7 * HOUR, ENVELOPE_NO_SKEW);
}

/* Rules 6 and 7. */
static void never_leads_our_clock(void **state)
{
    (void)state;
    check(1, false, 0, ENVELOPE_NO_SKEW);
    check(14 * HOUR, false, 0, ENVELOPE_NO_SKEW);
    check(1, true, 0, ENVELOPE_NO_SKEW);
    check(0, false, 0, ENVELOPE_NO_SKEW);
    check(-1, false, -1, ENVELOPE_NO_SKEW);
    check(-1, true, -1, ENVELOPE_NO_SKEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_our_time_without_one),
        cmocka_unit_test(disbelieves_what_no_clock_says),
        cmocka_unit_test(measures_the_skew_of_naive_times),
        cmocka_unit_test(never_leads_our_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
