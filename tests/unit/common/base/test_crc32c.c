/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/base/crc32c.h"

#include <string.h>

typedef uint32_t (*crc_function)(uint32_t crc, const void *bytes, size_t len);

/* The check value of the Rocksoft catalogue, and the vectors of RFC 3720 B.4. */
static void check_known_vectors(crc_function crc)
{
    uint8_t bytes[32];
    assert_int_equal(crc(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc(0, bytes, sizeof bytes), 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc(0, bytes, sizeof bytes), 0x46dd794e);
    assert_int_equal(crc(0, bytes, 0), 0);
}

static void test_known_vectors(void **state)
{
    (void)state;
    check_known_vectors(crc32c);
}

static void test_known_vectors_on_the_table(void **state)
{
    (void)state;
    check_known_vectors(crc32c_table);
}

static void test_known_vectors_in_hardware(void **state)
{
    (void)state;
    if (!crc32c_has_hardware())
        skip(); /* crc32c_hardware is the table here */
    check_known_vectors(crc32c_hardware);
}

static uint32_t bitwise(uint32_t crc, const uint8_t *p, size_t len)
{
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* Every length, every alignment: hardware, table and the definition agree. */
static void test_hardware_and_table_agree(void **state)
{
    (void)state;
    uint8_t bytes[300];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof bytes; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(x >> 24);
    }
    for (size_t from = 0; from < 9; from++) {
        for (size_t len = 0; len + from < sizeof bytes; len++) {
            const uint32_t want = bitwise((uint32_t)len, bytes + from, len);
            assert_int_equal(crc32c_table((uint32_t)len, bytes + from, len), want);
            assert_int_equal(crc32c_hardware((uint32_t)len, bytes + from, len), want);
        }
    }
}

static void test_continues(void **state)
{
    (void)state;
    const char text[] = "the ring survives";
    for (size_t cut = 0; cut < sizeof text; cut++)
        assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, sizeof text - cut),
                         crc32c(0, text, sizeof text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_vectors),
        cmocka_unit_test(test_known_vectors_on_the_table),
        cmocka_unit_test(test_known_vectors_in_hardware),
        cmocka_unit_test(test_hardware_and_table_agree),
        cmocka_unit_test(test_continues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
