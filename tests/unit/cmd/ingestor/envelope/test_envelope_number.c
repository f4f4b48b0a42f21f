/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/envelope/envelope_number.h"

#include <math.h>
#include <string.h>

static void reads_what_publishers_send(void **state)
{
    (void)state;
    const struct {
        const char *text;
        double value;
    } cases[] = {
        {"11", 11},         {"-9.25", -9.25}, {" 11.75\t", 11.75}, {"-110dBm", -110},
        {"-110 DBM", -110}, {"5.5 dB", 5.5},  {"100mW", 100},      {"3km", 3},
        {"2mi", 2},         {"7m", 7},        {"7M", 7},           {"+3", 3},
        {".5", .5},         {"5.", 5},        {"1e3", 1000},       {"1.5E-2", 0.015},
        {"0", 0},           {"-0", 0},        {"007", 7},          {"1e-400", 0},
        {"\n12\v", 12},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const double value = envelope_number_parse(cases[i].text, strlen(cases[i].text));
        if (!(value == cases[i].value))
            fail_msg("\"%s\": %g instead of %g", cases[i].text, value, cases[i].value);
    }
}

static void refuses_the_rest(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",         " ",
        "bad",      "NaN",
        "nan",      "inf",
        "Infinity", "-inf",
        "0x1p3",    "0x10",
        "1e400",    "-1e400",
        "1e",       "1e+",
        ".",        "-",
        "+",        "--1",
        "1,5",      "1 2",
        "dBm",      "5dBmdBm",
        "5 W",      "1_000",
        "12abc",    "m",
        "5 dBm m",  "1111111111111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const double value = envelope_number_parse(texts[i], strlen(texts[i]));
        if (!isnan(value))
            fail_msg("\"%s\": %g", texts[i], value);
    }
    assert_true(isnan(envelope_number_parse("1\0002", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_publishers_send),
        cmocka_unit_test(refuses_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
