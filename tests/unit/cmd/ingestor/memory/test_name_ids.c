/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/memory/name_ids.h"

#include <stdio.h>
#include <string.h>

static void a_name_is_found_as_it_was_put(void **state)
{
    (void)state;
    struct name_ids *names = name_ids_new(8);
    assert_non_null(names);
    assert_int_equal(name_ids_find(names, "#sf"), 0);
    name_ids_put(names, "#sf", 7);
    name_ids_put(names, "", 9);
    assert_int_equal(name_ids_find(names, "#sf"), 7);
    assert_int_equal(name_ids_find(names, ""), 9);
    assert_int_equal(name_ids_find(names, "#SF"), 0); /* byte by byte */
    assert_int_equal(name_ids_find(names, "#s"), 0);
    name_ids_put(names, "#sf", 8);
    assert_int_equal(name_ids_find(names, "#sf"), 8);
    name_ids_clear(names);
    assert_int_equal(name_ids_find(names, "#sf"), 0);
    name_ids_free(names);
    name_ids_free(NULL);
}

/* The names are copies: the caller's text may change. */
static void a_name_may_be_changed_behind_the_call(void **state)
{
    (void)state;
    struct name_ids *names = name_ids_new(4);
    assert_non_null(names);
    char text[] = "broker";
    name_ids_put(names, text, 1);
    text[0] = 'B';
    assert_int_equal(name_ids_find(names, text), 0);
    assert_int_equal(name_ids_find(names, "broker"), 1);
    name_ids_free(names);
}

static void names_that_are_too_long_are_not_kept(void **state)
{
    (void)state;
    struct name_ids *names = name_ids_new(4);
    assert_non_null(names);
    char text[NAME_IDS_TEXT + 1];
    memset(text, 'x', sizeof text);
    text[NAME_IDS_TEXT] = '\0';
    name_ids_put(names, text, 1);
    assert_int_equal(name_ids_find(names, text), 0);
    text[NAME_IDS_TEXT - 1] = '\0';
    name_ids_put(names, text, 2);
    assert_int_equal(name_ids_find(names, text), 2);
    name_ids_free(names);
}

/* Many more names than fit: whatever is found is right, and the one put last is there. */
static void a_full_table_forgets_and_never_lies(void **state)
{
    (void)state;
    struct name_ids *names = name_ids_new(64);
    assert_non_null(names);
    char text[16];
    for (int64_t put = 1; put <= 1000; put++) {
        (void)snprintf(text, sizeof text, "name %lld", (long long)put);
        name_ids_put(names, text, put);
        size_t found = 0;
        for (int64_t i = 1; i <= 1000; i++) {
            (void)snprintf(text, sizeof text, "name %lld", (long long)i);
            const int64_t id = name_ids_find(names, text);
            if (id == 0)
                continue;
            assert_int_equal(id, i);
            found++;
        }
        assert_in_range(found, 1, 64);
        (void)snprintf(text, sizeof text, "name %lld", (long long)put);
        assert_int_equal(name_ids_find(names, text), put);
    }
    name_ids_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_found_as_it_was_put),
        cmocka_unit_test(a_name_may_be_changed_behind_the_call),
        cmocka_unit_test(names_that_are_too_long_are_not_kept),
        cmocka_unit_test(a_full_table_forgets_and_never_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
