/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/tally/pairs.h"
#include "cmd/server/tally/table.h"

#include <stdlib.h>

struct entry {
    uint32_t key[2];
    uint64_t count;
};

static struct entry *take(struct table *table, uint32_t a, uint32_t b)
{
    const uint32_t key[2] = {a, b};
    return table_take(table, key, NULL);
}

static void an_entry_is_made_once_and_found_by_its_key(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, sizeof(struct entry), sizeof(uint32_t[2]), 1000);
    assert_null(table_find(&table, (uint32_t[2]){1, 2}));
    for (int round = 0; round < 3; round++)
        for (uint32_t i = 0; i < 1000; i++)
            take(&table, i % 10, i)->count += i;
    assert_int_equal(table.count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        const struct entry *entry = table_find(&table, (uint32_t[2]){i % 10, i});
        assert_non_null(entry);
        assert_int_equal(entry->count, 3 * i);
        assert_ptr_equal(entry, table_at(&table, i)); /* in the order in which they came */
    }
    assert_false(table.is_cut);
    table_done(&table);
}

static void what_finds_no_room_is_refused_and_said(void **state)
{
    (void)state;
    struct table table;
    bool is_new = true;
    table_init(&table, sizeof(struct entry), sizeof(uint32_t[2]), 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_non_null(take(&table, 0, i));
    assert_false(table.is_cut);
    assert_non_null(table_take(&table, (uint32_t[2]){0, 1}, &is_new));
    assert_false(is_new);
    assert_false(table.is_cut);
    assert_null(take(&table, 0, 3));
    assert_true(table.is_cut);
    assert_int_equal(table.count, 3);
    table_done(&table);
}

static int by_number(const void *a, const void *b)
{
    const int64_t *x = *(const int64_t *const *)a;
    const int64_t *y = *(const int64_t *const *)b;
    return (*x > *y) - (*x < *y);
}

static void entries_are_put_in_order(void **state)
{
    (void)state;
    static const int64_t numbers[] = {7, -3, 100, 0};
    static const int64_t in_order[] = {-3, 0, 7, 100};
    struct table table;
    table_init(&table, sizeof(int64_t), sizeof(int64_t), 8);
    const void **none = table_sorted(&table, by_number);
    assert_non_null(none);
    free(none);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        assert_non_null(table_take(&table, &numbers[i], NULL));
    const void **all = table_sorted(&table, by_number);
    assert_non_null(all);
    for (size_t i = 0; i < ARRAY_LEN(in_order); i++)
        assert_int_equal(*(const int64_t *)all[i], in_order[i]);
    assert_int_equal(*(const int64_t *)table_at(&table, 0), 7);
    free(all);
    table_done(&table);
}

static void a_pair_is_new_once(void **state)
{
    (void)state;
    struct pairs *pairs = pairs_new();
    assert_non_null(pairs);
    assert_true(pairs_add(pairs, 0, 0));
    assert_false(pairs_add(pairs, 0, 0));
    assert_true(pairs_add(pairs, 0x03ffffff, 1));
    assert_true(pairs_add(pairs, 0x03fffffe, 1));
    assert_true(pairs_add(pairs, 0x03ffffff, 2));
    assert_false(pairs_add(pairs, 0x03ffffff, 1));
    pairs_free(pairs);
    pairs_free(NULL);
}

static void the_newest_pairs_are_remembered(void **state)
{
    (void)state;
    struct pairs *pairs = pairs_new();
    for (int64_t i = 0; i < 3 * PAIRS_KEPT; i++) {
        assert_true(pairs_add(pairs, 1, i));
        if (i >= PAIRS_KEPT && i % 1000 == 0)
            assert_false(pairs_add(pairs, 1, i - PAIRS_KEPT + 2000));
    }
    assert_true(pairs_add(pairs, 1, 0)); /* long forgotten */
    pairs_free(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_made_once_and_found_by_its_key),
        cmocka_unit_test(what_finds_no_room_is_refused_and_said),
        cmocka_unit_test(entries_are_put_in_order),
        cmocka_unit_test(a_pair_is_new_once),
        cmocka_unit_test(the_newest_pairs_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
