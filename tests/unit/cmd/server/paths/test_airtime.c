/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/paths/airtime.h"

static void airtimes_are_those_of_the_closed_form(void **state)
{
    (void)state;
    /* By hand: SF 7, 62.5 kHz: a symbol is 2.048 ms; (8 * 50 - 28 + 44) / 28 is 14.9, so 15 * 5 + 8
     * symbols behind a preamble of 36.25. */
    const struct lora_preset fast = {910.525e6, 62.5, 7, 5};
    assert_int_equal(lora_preamble(&fast), 32);
    assert_int_equal(lora_airtime_ns(&fast, 50), 244224000);
    /* SF 12, 125 kHz: 32.768 ms, slow: (400 - 48 + 44) / 40 is 9.9, so 10 * 8 + 8 and 20.25. */
    const struct lora_preset slow = {869.6e6, 125, 12, 8};
    assert_int_equal(lora_preamble(&slow), 16);
    assert_int_equal(lora_airtime_ns(&slow, 50), 3547136000);
    assert_true(lora_airtime_ns(&fast, 0) > 0);
}

static void radios_are_read_or_refused(void **state)
{
    (void)state;
    struct lora_preset preset;
    assert_true(lora_preset_read("910.5250244,62.5,7,5", &preset));
    assert_float_equal((float)preset.freq_hz, 910525024.4F, 100);
    assert_int_equal(preset.sf, 7);
    static const char *const wrong[] = {"",
                                        "x",
                                        "910,62.5,7",
                                        "910,62.5,13,5",
                                        "910,0,7,5",
                                        "910,62.5,7,4",
                                        "nan,62.5,7,5",
                                        "910,inf,7,5",
                                        "1e300,62.5,7,5"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(lora_preset_read(wrong[i], &preset));
    assert_false(lora_preset_read(NULL, &preset));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(airtimes_are_those_of_the_closed_form),
        cmocka_unit_test(radios_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
