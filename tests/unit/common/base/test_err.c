/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/err.h"

#include <string.h>

static void each_status_has_its_own_text(void **state)
{
    (void)state;
    for (int a = 0; a <= STATUS_CONFIG; a++) {
        assert_true(strlen(status_text((enum status)a)) > 0);
        for (int b = 0; b < a; b++)
            assert_string_not_equal(status_text((enum status)a), status_text((enum status)b));
    }
    assert_string_equal(status_text((enum status)9999), "unknown status");
    assert_string_equal(status_text((enum status) - 1), "unknown status");
}

static void err_set_fills_every_field_and_returns_the_status(void **state)
{
    (void)state;
    struct err err;
    memset(&err, 0x5a, sizeof err);
    assert_int_equal(err_set(&err, STATUS_IO, 5, "/a/path", "can't read: %d of %s", 3, "x"),
                     STATUS_IO);
    assert_int_equal(err.status, STATUS_IO);
    assert_int_equal(err.code, 5);
    assert_string_equal(err.what, "/a/path");
    assert_string_equal(err.text, "can't read: 3 of x");
}

static void err_set_accepts_no_err_and_no_what(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, STATUS_AGAIN, 0, NULL, "%s", "text"), STATUS_AGAIN);
    struct err err;
    assert_int_equal(err_set(&err, STATUS_AGAIN, 0, NULL, "%s", "text"), STATUS_AGAIN);
    assert_string_equal(err.what, "");
}

static void err_set_cuts_long_texts(void **state)
{
    (void)state;
    char big[2000];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    struct err err;
    assert_int_equal(err_set(&err, STATUS_CONFIG, 0, big, "%s", big), STATUS_CONFIG);
    assert_int_equal(strlen(err.what), sizeof err.what - 1);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_own_text),
        cmocka_unit_test(err_set_fills_every_field_and_returns_the_status),
        cmocka_unit_test(err_set_accepts_no_err_and_no_what),
        cmocka_unit_test(err_set_cuts_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
