/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/clock.h"

#include <string.h>
#include <time.h>

static void reads_what_publishers_send(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t ms;
        bool is_naive;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0, false},
        {"2026-03-29T15:27:30.103404", 1774798050103, true},
        {"2026-03-29T15:27:30.000000+00:00", 1774798050000, false},
        {"2026-03-29T15:27:30Z", 1774798050000, false},
        {"2026-03-29T15:27:30.1Z", 1774798050100, false},
        {"2026-03-29T15:27:30.123456789Z", 1774798050123, false},
        {"2026-03-29T17:27:30+02:00", 1774798050000, false},
        {"2026-03-29T09:57:30-05:30", 1774798050000, false},
        {"2024-01-01T12:00:00.000000", 1704110400000, true},
        {"2024-02-29T00:00:00", 1709164800000, true},
        {"1969-12-31T23:59:59.999Z", -1, false},
        {"0000-01-01T00:00:00Z", -62167219200000, false},
        {"9999-12-31T23:59:59.999Z", 253402300799999, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 7;
        bool is_naive = !cases[i].is_naive;
        if (!clock_parse_rfc3339(cases[i].text, strlen(cases[i].text), &ms, &is_naive))
            fail_msg("%s is refused", cases[i].text);
        if (ms != cases[i].ms)
            fail_msg("%s: %lld instead of %lld", cases[i].text, (long long)ms,
                     (long long)cases[i].ms);
        assert_int_equal(is_naive, cases[i].is_naive);
    }
}

static void refuses_the_rest(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "now",
        "1774798050",
        "2026-03-29",
        "2026-03-29 15:27:30Z",
        "2026-03-29t15:27:30Z",
        "2026-03-29T15:27:30z",
        "2026-03-29T15:27Z",
        "2026-03-29T15:27:30.",
        "2026-03-29T15:27:30.Z",
        "2026-03-29T15:27:30+0200",
        "2026-03-29T15:27:30+02",
        "2026-03-29T15:27:30+24:00",
        "2026-03-29T15:27:30+02:60",
        "2026-03-29T15:27:30ZZ",
        "2026-03-29T15:27:30Z ",
        " 2026-03-29T15:27:30Z",
        "2026-03-27T08:03:39.499.000000+00:00",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-04-00T00:00:00Z",
        "2026-03-29T24:00:00Z",
        "2026-03-29T15:60:00Z",
        "2016-12-31T23:59:60Z",
        "-026-03-29T15:27:30Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int64_t ms = 7;
        bool is_naive = true;
        if (clock_parse_rfc3339(texts[i], strlen(texts[i]), &ms, &is_naive))
            fail_msg("%s is taken", texts[i]);
        assert_int_equal(ms, 7);
        assert_true(is_naive);
    }
}

/* Each day of 400 years and some, against the C library's calendar. */
static void agrees_with_the_c_library(void **state)
{
    (void)state;
    for (time_t day = -800 * 365L; day < 200 * 365L; day++) {
        const time_t seconds = day * 86400;
        struct tm tm;
        char text[64];
        int64_t ms;
        bool is_naive;
        assert_non_null(gmtime_r(&seconds, &tm));
        tm.tm_hour = 13;
        /* %Y would drop the leading zeros of a year before 1000, which this range
         * does not reach. */
        const size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
        assert_true(clock_parse_rfc3339(text, len, &ms, &is_naive));
        if (ms != (seconds + 13 * 3600) * 1000)
            fail_msg("%s: %lld", text, (long long)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_publishers_send),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(agrees_with_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
