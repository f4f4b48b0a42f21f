/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/store/presence.h"

static void contributions_merge_in_any_order(void **state)
{
    (void)state;
    struct presence presence;
    assert_true(presence_init(&presence, 8));
    assert_true(presence_add(&presence, &(struct presence_row){9, 1, 50, 50}));
    assert_true(presence_add(&presence, &(struct presence_row){3, 2, 40, 40}));
    assert_true(presence_add(&presence, &(struct presence_row){9, 1, 70, 70}));
    assert_true(presence_add(&presence, &(struct presence_row){9, 1, 20, 20}));
    size_t count = 0;
    const struct presence_row *rows = presence_sorted(&presence, &count);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, 3);
    assert_int_equal(rows[0].count, 2);
    assert_int_equal(rows[1].id, 9);
    assert_int_equal(rows[1].count, 3);
    assert_int_equal(rows[1].first_ms, 20);
    assert_int_equal(rows[1].last_ms, 70);
    presence_done(&presence);
}

static void it_refuses_beyond_its_capacity_and_can_be_cleared(void **state)
{
    (void)state;
    struct presence presence;
    assert_true(presence_init(&presence, 1000));
    for (int round = 0; round < 3; round++) {
        for (int64_t id = 1; id <= 1000; id++) {
            assert_false(presence_is_full(&presence));
            assert_true(presence_add(&presence, &(struct presence_row){id * 4096, 1, id, id}));
        }
        assert_true(presence_is_full(&presence));
        assert_false(presence_add(&presence, &(struct presence_row){1, 1, 1, 1}));
        size_t count = 0;
        const struct presence_row *rows = presence_sorted(&presence, &count);
        assert_int_equal(count, 1000);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(rows[i].id, ((int64_t)i + 1) * 4096);
        presence_clear(&presence);
    }
    presence_done(&presence);
    presence_done(&presence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contributions_merge_in_any_order),
        cmocka_unit_test(it_refuses_beyond_its_capacity_and_can_be_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
