/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/memory/deltas.h"

#include <string.h>

static bool add(struct deltas *deltas, int64_t id, int64_t part, int64_t n, int64_t at)
{
    return deltas_add(deltas, &(struct delta){.id = id,
                                              .part = part,
                                              .count = n,
                                              .transmissions = 2 * n,
                                              .first_ms = at,
                                              .last_ms = at});
}

static void counts_add_up_and_times_span(void **state)
{
    (void)state;
    struct deltas deltas;
    assert_true(deltas_init(&deltas, 8));
    assert_true(add(&deltas, 7, 1, 1, 50));
    assert_true(add(&deltas, 7, 1, 1, 20));
    assert_true(add(&deltas, 7, 1, -1, 90));
    assert_true(add(&deltas, 7, 0, 4, 5)); /* both words are the key */
    assert_true(add(&deltas, 6, 9, 0, 5));
    assert_int_equal(deltas_room(&deltas), 5);
    size_t count = 0;
    const struct delta *rows = deltas_sorted(&deltas, &count);
    assert_int_equal(count, 3);
    assert_true(rows[0].id == 6 && rows[1].part == 0 && rows[2].part == 1);
    assert_int_equal(rows[2].count, 1);
    assert_int_equal(rows[2].transmissions, 2);
    assert_int_equal(rows[2].first_ms, 20);
    assert_int_equal(rows[2].last_ms, 90);
    deltas_clear(&deltas);
    assert_int_equal(deltas_room(&deltas), 8);
    IGNORE(deltas_sorted(&deltas, &count), "empty");
    assert_int_equal(count, 0);
    deltas_done(&deltas);
    deltas_done(&deltas);
}

static void only_a_full_table_refuses(void **state)
{
    (void)state;
    struct deltas deltas;
    assert_true(deltas_init(&deltas, 1000));
    for (int64_t i = 0; i < 1000; i++)
        assert_true(add(&deltas, i << 40, i % 3, 1, 1));
    assert_false(add(&deltas, 1, 1, 1, 1));
    assert_true(add(&deltas, INT64_C(999) << 40, 0, 1, 1)); /* known: needs no room */
    size_t count = 0;
    const struct delta *rows = deltas_sorted(&deltas, &count);
    assert_int_equal(count, 1000);
    assert_int_equal(rows[999].count, 2);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rows[i].id, (int64_t)i << 40);
    deltas_done(&deltas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_add_up_and_times_span),
        cmocka_unit_test(only_a_full_table_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
