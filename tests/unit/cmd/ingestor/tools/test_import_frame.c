/* SPDX-License-Identifier: MIT
 *
 * The frame of one observation in a CoreScope database. */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/tools/import_frame.h"
#include "common/base/hex.h"

#include <stdio.h>
#include <string.h>

static uint8_t raw[MESHCORE_FRAME_MAX];
static char hex[2 * MESHCORE_FRAME_MAX + 1];

static const char *make(const char *transmission, const char *own, const char *path)
{
    size_t len = 0;
    struct meshcore_frame frame;
    const enum outcome outcome = import_frame_make(transmission, own, path, raw, &len, &frame);
    if (outcome != OUTCOME_NONE) {
        const struct outcome_info *info = outcome_info(outcome);
        (void)snprintf(hex, sizeof hex, "%s.%s", info->bucket, info->reason);
    } else {
        hex_encode_lower(raw, len, hex);
    }
    return hex;
}

static void own_frame_wins(void **state)
{
    (void)state;
    assert_string_equal(make("0901aa112233", "0902BBCC112233", "[\"DD\"]"), "0902bbcc112233");
    assert_string_equal(make("zz", "0900112233", NULL), "0900112233");
    assert_string_equal(make("0901aa112233", "zz", NULL), "rejected.hex");
    assert_string_equal(make("0901aa112233", "09ffaa", NULL), "rejected.frame");
}

/* protocol.md 1.3: count and size in one byte; transport codes stand before it (1.2). */
static void path_is_put_into_the_frame(void **state)
{
    (void)state;
    assert_string_equal(make("0901aa112233", "", "[\"DD\",\"EE\"]"), "0902ddee112233");
    assert_string_equal(make("0901aa112233", NULL, "[\"DDEE\"]"), "0941ddee112233");
    assert_string_equal(make("0901aa112233", NULL, "[\"ddeeff\",\"010203\"]"),
                        "0982ddeeff010203112233");
    assert_string_equal(make("080102030401aa112233", NULL, "[\"DD\"]"), "080102030401dd112233");
    assert_string_equal(make("0901aa112233", NULL, NULL), "0901aa112233");
    assert_string_equal(make("0901aa112233", NULL, ""), "0901aa112233");
}

/* protocol.md 1.3: 0x40 and 0x80 without hops say which size the sender uses. */
static void no_hops_keep_the_size(void **state)
{
    (void)state;
    assert_string_equal(make("0901aa112233", NULL, "[]"), "0900112233");
    assert_string_equal(make("0901aa112233", NULL, "null"), "0901aa112233"); /* Go's empty list */
    assert_string_equal(make("0941aabb112233", NULL, "[]"), "0940112233");
    assert_string_equal(make("0980112233", NULL, "[]"), "0980112233");
}

/* protocol.md 4.10 */
static void a_trace_keeps_its_path(void **state)
{
    (void)state;
    assert_string_equal(make("260130010203040506070800aa", NULL, "[\"AA\"]"),
                        "260130010203040506070800aa");
}

static void what_is_no_path_is_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "[\"zz\"]", "[\"AA\",\"BBCC\"]", "[\"\"]",         "[1]", "{}",
        "\"AA\"",   "[\"AAA\"]",         "[\"AABBCCDD\"]", "[",   "[[\"AA\"]]"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_string_equal(make("0901aa112233", NULL, paths[i]), "rejected.envelope");
}

/* protocol.md 1.3: the count has six bits, so 64 hops of one byte, which would fit, can't be said:
 * the 64th would change the size of the hops and make the path a part of the payload. */
static void a_path_has_at_most_63_hops(void **state)
{
    (void)state;
    for (size_t count = 63; count <= 65; count++) {
        char path[600] = "[\"AA\"";
        for (size_t i = 1; i < count; i++)
            (void)strcat(path, ",\"AA\"");
        (void)strcat(path, "]");
        const char *made = make("0901aa112233", NULL, path);
        if (count > 63)
            assert_string_equal(made, "rejected.envelope");
        else
            assert_memory_equal(made, "093faaaa", 8);
    }
}

static void what_is_no_frame_is_refused(void **state)
{
    (void)state;
    assert_string_equal(make(NULL, NULL, "[]"), "filtered.no_frame");
    assert_string_equal(make("", "", NULL), "filtered.no_frame");
    assert_string_equal(make("123", NULL, NULL), "rejected.hex");
    assert_string_equal(make("c900112233", NULL, NULL), "rejected.frame"); /* version 3 */
    assert_string_equal(make("09c0112233", NULL, NULL), "rejected.frame"); /* reserved size */
    char big[2 * 300 + 1];
    memset(big, '0', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_string_equal(make(big, NULL, NULL), "rejected.frame");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_frame_wins),
        cmocka_unit_test(path_is_put_into_the_frame),
        cmocka_unit_test(no_hops_keep_the_size),
        cmocka_unit_test(a_trace_keeps_its_path),
        cmocka_unit_test(what_is_no_path_is_refused),
        cmocka_unit_test(a_path_has_at_most_63_hops),
        cmocka_unit_test(what_is_no_frame_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
