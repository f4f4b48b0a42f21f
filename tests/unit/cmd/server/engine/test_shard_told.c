/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/engine/shard_told.h"

/* Spread, and none is 0. */
static int64_t id_of(size_t n)
{
    return (int64_t)((((uint64_t)n + 1) * UINT64_C(0x9E3779B97F4A7C15)) >> 11);
}

static void it_knows_at_least_the_last(void **state)
{
    (void)state;
    struct shard_told *told = shard_told_new();
    assert_non_null(told);
    for (size_t n = 0; n < 5 * TOLD_MAX / 2; n++) {
        assert_false(shard_told_has(told, id_of(n)));
        shard_told_add(told, id_of(n));
        shard_told_add(told, id_of(n)); /* twice is once */
        assert_true(shard_told_has(told, id_of(n)));
        if (n >= TOLD_MAX - 1)
            assert_true(shard_told_has(told, id_of(n - (TOLD_MAX - 1))));
    }
    assert_false(shard_told_has(told, id_of(0)));
    shard_told_clear(told);
    assert_false(shard_told_has(told, id_of(5 * TOLD_MAX / 2 - 1)));
    shard_told_free(told);
}

static void ids_that_share_their_bits_do_not_mix(void **state)
{
    (void)state;
    struct shard_told *told = shard_told_new();
    const int64_t step = (int64_t)4 * (int64_t)TOLD_MAX;
    for (int64_t i = 1; i <= 100; i++)
        shard_told_add(told, 7 + i * step);
    for (int64_t i = 1; i <= 100; i++)
        assert_true(shard_told_has(told, 7 + i * step));
    assert_false(shard_told_has(told, 7));
    assert_false(shard_told_has(told, 7 + 101 * step));
    shard_told_free(told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_knows_at_least_the_last),
        cmocka_unit_test(ids_that_share_their_bits_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
