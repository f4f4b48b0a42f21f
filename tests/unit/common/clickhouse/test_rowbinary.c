/* SPDX-License-Identifier: MIT
 *
 * rowbinary: what is written is what a server wrote for the same values, and is read back; what is
 * cut anywhere is noticed. */
#include "tests/support/cmocka_all.h"

#include "common/clickhouse/rowbinary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* SELECT toUInt8(200), toUInt16(258), toUInt32(16909060), toUInt64(18446744073709551615),
 * toInt32(-2), toInt64(-3), toFloat32(-1.5), toFloat64(2.25), 'ab', toFixedString('xyz', 3),
 * CAST(NULL AS Nullable(UInt8)), CAST(7 AS Nullable(UInt8)) FORMAT RowBinary */
static const uint8_t row[] = {
    0xc8, 0x02, 0x01, 0x04, 0x03, 0x02, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xff, 0xff, 0xff, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0xc0, 0xbf, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x40, 0x02, 'a',  'b',  'x',  'y',  'z',  0x01, 0x00, 0x07,
};

static void write_row(struct rowbinary_writer *w)
{
    rowbinary_u8(w, 200);
    rowbinary_u16(w, 258);
    rowbinary_u32(w, 16909060);
    rowbinary_u64(w, UINT64_MAX);
    rowbinary_i32(w, -2);
    rowbinary_i64(w, -3);
    rowbinary_f32(w, -1.5F);
    rowbinary_f64(w, 2.25);
    rowbinary_string(w, "ab", 2);
    rowbinary_bytes(w, "xyz", 3);
    rowbinary_is_null(w, true);
    rowbinary_is_null(w, false);
    rowbinary_u8(w, 7);
}

static void test_a_row_is_what_a_server_writes(void **state)
{
    struct rowbinary_writer w;
    (void)state;
    rowbinary_init(&w, 1024);
    write_row(&w);
    assert_false(w.is_failed);
    assert_int_equal(w.len, sizeof row);
    assert_memory_equal(w.bytes, row, sizeof row);
    rowbinary_done(&w);
}

static bool read_row(struct rowbinary_reader *r)
{
    bool is_same = rowbinary_read_u8(r) == 200;
    is_same &= rowbinary_read_u16(r) == 258;
    is_same &= rowbinary_read_u32(r) == 16909060;
    is_same &= rowbinary_read_u64(r) == UINT64_MAX;
    is_same &= rowbinary_read_i32(r) == -2;
    is_same &= rowbinary_read_i64(r) == -3;
    is_same &= fabsf(rowbinary_read_f32(r) + 1.5F) < 0.001F;
    is_same &= fabs(rowbinary_read_f64(r) - 2.25) < 0.001;
    const struct rowbinary_text text = rowbinary_read_string(r);
    is_same &= text.len == 2 && memcmp(text.bytes, "ab", 2) == 0;
    const struct rowbinary_text fixed = rowbinary_read_bytes(r, 3);
    is_same &= fixed.len == 3 && memcmp(fixed.bytes, "xyz", 3) == 0;
    is_same &= rowbinary_read_is_null(r);
    is_same &= !rowbinary_read_is_null(r) && rowbinary_read_u8(r) == 7;
    return is_same && rowbinary_is_end(r);
}

static void test_a_row_is_read_and_a_cut_one_is_noticed(void **state)
{
    (void)state;
    for (size_t len = 0; len <= sizeof row; len++) {
        struct rowbinary_reader r;
        uint8_t *copy = malloc(len > 0 ? len : 1); /* so that a sanitizer sees each byte too many */
        assert_non_null(copy);
        memcpy(copy, row, len);
        rowbinary_read(&r, copy, len);
        assert_int_equal(read_row(&r), len == sizeof row);
        assert_int_equal(r.is_failed, len < sizeof row);
        free(copy);
    }
}

static void test_what_stands_behind_a_row_is_no_end(void **state)
{
    static const char bytes[] = "\x07"
                                "Code: 153, e.displayText()";
    struct rowbinary_reader r;
    (void)state;
    rowbinary_read(&r, bytes, sizeof bytes - 1);
    assert_int_equal(rowbinary_read_u8(&r), 7);
    assert_true(rowbinary_has_more(&r));
    assert_false(rowbinary_is_end(&r));
}

static void test_lengths_are_bounded(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\x05"
         "abcd",
         5},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}, /* 2^64 - 1 */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, /* more than 64 bits */
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11},
        {"\x80", 1},
        {"", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct rowbinary_reader r;
        rowbinary_read(&r, bad[i].bytes, bad[i].len);
        assert_int_equal(rowbinary_read_string(&r).len, 0);
        assert_true(r.is_failed);
        assert_int_equal(rowbinary_read_u64(&r), 0);
    }
}

static void test_a_long_text_has_a_long_length(void **state)
{
    static char text[300];
    struct rowbinary_writer w;
    struct rowbinary_reader r;
    (void)state;
    memset(text, 'x', sizeof text);
    rowbinary_init(&w, 1024);
    rowbinary_string(&w, text, sizeof text);
    assert_int_equal(w.len, sizeof text + 2);
    assert_memory_equal(w.bytes, "\xac\x02", 2);
    rowbinary_read(&r, w.bytes, w.len);
    assert_int_equal(rowbinary_read_string(&r).len, sizeof text);
    assert_true(rowbinary_is_end(&r));
    rowbinary_done(&w);
}

static void test_a_writer_stops_at_its_limit(void **state)
{
    struct rowbinary_writer w;
    (void)state;
    rowbinary_init(&w, 10);
    rowbinary_u64(&w, 1);
    rowbinary_u32(&w, 1);
    assert_true(w.is_failed);
    rowbinary_u8(&w, 1);
    assert_int_equal(w.len, 8);
    rowbinary_clear(&w);
    rowbinary_u16(&w, 1);
    assert_false(w.is_failed);
    assert_int_equal(w.len, 2);
    rowbinary_done(&w);
}

static void test_a_null_byte_is_one_or_nought(void **state)
{
    struct rowbinary_reader r;
    (void)state;
    rowbinary_read(&r, "\x02", 1);
    assert_true(rowbinary_read_is_null(&r));
    assert_true(r.is_failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_is_what_a_server_writes),
        cmocka_unit_test(test_a_row_is_read_and_a_cut_one_is_noticed),
        cmocka_unit_test(test_what_stands_behind_a_row_is_no_end),
        cmocka_unit_test(test_lengths_are_bounded),
        cmocka_unit_test(test_a_long_text_has_a_long_length),
        cmocka_unit_test(test_a_writer_stops_at_its_limit),
        cmocka_unit_test(test_a_null_byte_is_one_or_nought),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
