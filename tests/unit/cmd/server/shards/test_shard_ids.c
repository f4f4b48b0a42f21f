/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/shards/shard_ids.h"

static void each_number_keeps_its_id(void **state)
{
    (void)state;
    struct shard_ids *ids = shard_ids_new();
    uint64_t number = 0;
    assert_non_null(ids);
    for (uint64_t n = 0; n < 5000; n++)
        assert_int_equal(shard_ids_of(ids, SHARD_NODE, n << 40), n + 1);
    for (uint64_t n = 0; n < 5000; n++) {
        assert_int_equal(shard_ids_of(ids, SHARD_NODE, n << 40), n + 1);
        assert_true(shard_ids_number(ids, SHARD_NODE, (int64_t)n + 1, &number));
        assert_int_equal(number, n << 40);
    }
    assert_int_equal(shard_ids_of(ids, SHARD_OBSERVER, UINT64_C(7) << 40), 1); /* of another kind */
    assert_false(shard_ids_number(ids, SHARD_NODE, 5001, &number));
    assert_false(shard_ids_number(ids, SHARD_NODE, 0, &number));
    assert_false(shard_ids_number(ids, SHARD_SCOPE, 1, &number));
    shard_ids_free(ids);
}

static void there_is_a_bound(void **state)
{
    (void)state;
    struct shard_ids *ids = shard_ids_new();
    for (uint64_t n = 0; n < SHARD_IDS_MAX; n++)
        assert_int_not_equal(shard_ids_of(ids, SHARD_SCOPE, n), 0);
    assert_int_equal(shard_ids_of(ids, SHARD_SCOPE, SHARD_IDS_MAX), 0);
    assert_int_equal(shard_ids_of(ids, SHARD_SCOPE, 0), 1);
    shard_ids_free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_keeps_its_id),
        cmocka_unit_test(there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
