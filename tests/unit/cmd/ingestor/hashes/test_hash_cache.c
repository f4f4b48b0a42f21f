/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/hashes/hash_cache.h"

static void finds_what_was_inserted_and_nothing_else(void **state)
{
    (void)state;
    struct hash_cache *cache = hash_cache_new(64);
    assert_non_null(cache);
    assert_int_equal(hash_cache_capacity(cache), 64);
    for (uint64_t i = 0; i < 16; i++)
        hash_cache_insert(cache, &(struct hash_cache_entry){.hash = i,
                                                            .transmission_id = (int64_t)i + 100,
                                                            .subject = (int64_t)i});
    for (uint64_t i = 0; i < 16; i++) {
        const struct hash_cache_entry *entry = hash_cache_find(cache, i);
        assert_non_null(entry);
        assert_int_equal(entry->transmission_id, (int64_t)i + 100);
        assert_int_equal(entry->subject, (int64_t)i);
        assert_null(hash_cache_find(cache, i + 16)); /* same set, other hash */
    }
    hash_cache_clear(cache);
    assert_null(hash_cache_find(cache, 0));
    hash_cache_free(cache);
}

static void the_oldest_of_a_set_leaves(void **state)
{
    (void)state;
    struct hash_cache *cache = hash_cache_new(4);
    for (uint64_t i = 1; i <= 5; i++) {
        hash_cache_insert(cache,
                          &(struct hash_cache_entry){.hash = i, .transmission_id = (int64_t)i});
        /* Seen again: 1 becomes young, and nothing else leaves for it. */
        hash_cache_insert(cache, &(struct hash_cache_entry){.hash = 1, .transmission_id = 1});
    }
    assert_non_null(hash_cache_find(cache, 1));
    assert_null(hash_cache_find(cache, 2));
    for (uint64_t i = 3; i <= 5; i++)
        assert_non_null(hash_cache_find(cache, i));
    hash_cache_free(cache);
}

static void a_hash_of_zero_is_a_hash(void **state)
{
    (void)state;
    struct hash_cache *cache = hash_cache_new(1);
    assert_null(hash_cache_find(cache, 0));
    hash_cache_insert(cache, &(struct hash_cache_entry){.transmission_id = 7});
    assert_int_equal(hash_cache_find(cache, 0)->transmission_id, 7);
    hash_cache_free(cache);
    hash_cache_free(NULL);
}

static void what_is_removed_is_gone_alone(void **state)
{
    (void)state;
    struct hash_cache *cache = hash_cache_new(4);
    for (uint64_t i = 1; i <= 4; i++)
        hash_cache_insert(cache,
                          &(struct hash_cache_entry){.hash = i, .transmission_id = (int64_t)i});
    hash_cache_remove(cache, 9);
    hash_cache_remove(cache, 0); /* an empty entry has this hash too */
    hash_cache_remove(cache, 2);
    hash_cache_remove(cache, 4);
    assert_null(hash_cache_find(cache, 2));
    assert_null(hash_cache_find(cache, 4));
    assert_int_equal(hash_cache_find(cache, 1)->transmission_id, 1);
    assert_int_equal(hash_cache_find(cache, 3)->transmission_id, 3);
    hash_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_inserted_and_nothing_else),
        cmocka_unit_test(the_oldest_of_a_set_leaves),
        cmocka_unit_test(a_hash_of_zero_is_a_hash),
        cmocka_unit_test(what_is_removed_is_gone_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
