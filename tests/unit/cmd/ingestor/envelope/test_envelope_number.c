/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/envelope/envelope_number.h"

#include <math.h>
#include <stdlib.h>
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

/* Of every length, point and sign: what strtod reads, to the bit. */
static void reads_as_strtod_does(void **state)
{
    (void)state;
    uint64_t luck = 1;
    for (int i = 0; i < 200000; i++) {
        char text[32];
        luck = luck * 6364136223846793005U + 1442695040888963407U;
        const int digits = 1 + (int)(luck >> 60) + (i % 3 == 0);
        const int before = (int)((luck >> 50) % (uint64_t)(digits + 1));
        int len = 0;
        if ((luck >> 40 & 1) != 0)
            text[len++] = '-';
        for (int n = 0; n < digits; n++) {
            if (n == before)
                text[len++] = '.';
            luck = luck * 6364136223846793005U + 1442695040888963407U;
            text[len++] = (char)('0' + (luck >> 33) % 10);
        }
        text[len] = '\0';
        const double value = envelope_number_parse(text, (size_t)len);
        const double wanted = strtod(text, NULL);
        if (value != wanted || signbit(value) != signbit(wanted))
            fail_msg("\"%s\": %.17g instead of %.17g", text, value, wanted);
    }
    const double zero = envelope_number_parse("-0", 2);
    assert_true(zero == 0 && signbit(zero));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_publishers_send),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(reads_as_strtod_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
