/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/envelope/frame_peek.h"

#include <string.h>

static size_t find(const char *payload, char out[static 64])
{
    struct frame_peek rest = {payload, strlen(payload)};
    struct frame_peek hex;
    size_t count = 0;
    out[0] = '\0';
    while (frame_peek_next(&rest, &hex)) {
        (void)strncat(strncat(out, hex.at, hex.len), " ", 2);
        count++;
    }
    return count;
}

static void finds_what_stands_behind_raw(void **state)
{
    (void)state;
    char found[64];
    assert_int_equal(find("{\"raw\":\"1103AB\"}", found), 1);
    assert_string_equal(found, "1103AB ");
    assert_int_equal(find("{\"SNR\":1,\"raw\" :\t\"11\",\"b\":{\"raw\":\"22\"}}", found), 2);
    assert_string_equal(found, "11 22 ");
    assert_int_equal(find("{\"type\":\"raw\",\"data\":\"11\"}", found), 0);
    assert_int_equal(find("{\"raw\":\"\",\"x\":\"raw\",\"raw\":null}", found), 0);
    assert_int_equal(find("{\"raw\":\"12", found), 1); /* cut */
    assert_string_equal(found, "12 ");
    assert_int_equal(find("{\"raw\"", found), 0);
    assert_int_equal(find("", found), 0);
}

static void reads_bytes_of_digits(void **state)
{
    (void)state;
    const struct frame_peek hex = {"1fAx3", 5};
    assert_int_equal(frame_peek_byte(hex, 0), 0x1f);
    assert_int_equal(frame_peek_byte(hex, 2), -1);
    assert_int_equal(frame_peek_byte(hex, 4), -1);
    assert_int_equal(frame_peek_byte(hex, 9), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_stands_behind_raw),
        cmocka_unit_test(reads_bytes_of_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
