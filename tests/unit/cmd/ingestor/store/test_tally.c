/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/store/tally.h"

#include <string.h>

static bool add(struct tally *tally, uint64_t a, uint64_t b, int64_t n, int64_t at)
{
    return tally_add(tally, &(struct tally_row){.key = {a, b},
                                                .observations = n,
                                                .transmissions = 2 * n,
                                                .first_ms = at,
                                                .last_ms = at});
}

static void counts_add_up_and_times_span(void **state)
{
    (void)state;
    struct tally tally;
    assert_true(tally_init(&tally, 8));
    assert_true(add(&tally, 7, 1, 1, 50));
    assert_true(add(&tally, 7, 1, 1, 20));
    assert_true(add(&tally, 7, 1, -1, 90));
    assert_true(add(&tally, 7, 0, 4, 5)); /* both words are the key */
    assert_true(add(&tally, 6, 9, 0, 5));
    assert_int_equal(tally_room(&tally), 5);
    size_t count = 0;
    const struct tally_row *rows = tally_sorted(&tally, &count);
    assert_int_equal(count, 3);
    assert_true(rows[0].key[0] == 6 && rows[1].key[1] == 0 && rows[2].key[1] == 1);
    assert_int_equal(rows[2].observations, 1);
    assert_int_equal(rows[2].transmissions, 2);
    assert_int_equal(rows[2].first_ms, 20);
    assert_int_equal(rows[2].last_ms, 90);
    tally_clear(&tally);
    assert_int_equal(tally_room(&tally), 8);
    IGNORE(tally_sorted(&tally, &count), "empty");
    assert_int_equal(count, 0);
    tally_done(&tally);
    tally_done(&tally);
}

static void only_a_full_table_refuses(void **state)
{
    (void)state;
    struct tally tally;
    assert_true(tally_init(&tally, 1000));
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(add(&tally, i << 40, i % 3, 1, 1));
    assert_false(add(&tally, 1, 1, 1, 1));
    assert_true(add(&tally, UINT64_C(999) << 40, 0, 1, 1)); /* known: needs no room */
    size_t count = 0;
    const struct tally_row *rows = tally_sorted(&tally, &count);
    assert_int_equal(count, 1000);
    assert_int_equal(rows[999].observations, 2);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rows[i].key[0], (uint64_t)i << 40);
    tally_done(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_add_up_and_times_span),
        cmocka_unit_test(only_a_full_table_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
