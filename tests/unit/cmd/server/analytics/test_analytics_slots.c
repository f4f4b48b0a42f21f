/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/analytics/analysis.h"
#include "cmd/server/analytics/slots.h"

#include <stdio.h>
#include <stdlib.h>

#define WANTED 1000

static const struct analysis one = {.name = "one"}, other = {.name = "other"};

static struct slot_answer *answer_of(size_t len)
{
    struct slot_answer *answer = slot_answer_new(calloc(1, len + 1), len, true);
    assert_non_null(answer);
    return answer;
}

static void put(struct slots *slots, struct slot *slot, mono_us now, mono_us due_at)
{
    slots_put(slots, slot, answer_of(10), now);
    slot->due_at = due_at;
}

static void a_query_has_one_slot(void **state)
{
    (void)state;
    struct slots slots = {0};
    struct slot *slot = slots_take(&slots, &one, "a=1", 5);
    assert_ptr_equal(slots_take(&slots, &one, "a=1", 7), slot);
    assert_int_equal(slot->asked_at, 7);
    assert_ptr_not_equal(slots_take(&slots, &one, "a=2", 7), slot);
    assert_ptr_not_equal(slots_take(&slots, &other, "a=1", 7), slot);
    assert_null(slots_find(&slots, &other, "a=2"));
    slots_done(&slots);
}

static void who_waits_comes_first_then_what_is_due_longest(void **state)
{
    (void)state;
    struct slots slots = {0};
    mono_us at;
    assert_null(slots_next(&slots, 0, WANTED, &at));
    assert_int_equal(at, INT64_MAX);
    struct slot *a = slots_take(&slots, &one, "a", 10);
    struct slot *b = slots_take(&slots, &one, "b", 11);
    assert_ptr_equal(slots_next(&slots, 20, WANTED, &at), a);
    put(&slots, a, 20, 120);
    assert_ptr_equal(slots_next(&slots, 20, WANTED, &at), b);
    put(&slots, b, 21, 110);
    assert_null(slots_next(&slots, 30, WANTED, &at));
    assert_int_equal(at, 110);
    assert_ptr_equal(slots_next(&slots, 130, WANTED, &at), b); /* due first */
    assert_ptr_equal(slots_take(&slots, &one, "a", 125), a);   /* but here somebody waits */
    assert_ptr_equal(slots_next(&slots, 130, WANTED, &at), a);
    a->is_running = true;
    assert_ptr_equal(slots_next(&slots, 130, WANTED, &at), b);
    assert_null(slots_next(&slots, 12 + WANTED, 0, &at)); /* nobody wants them any more */
    slots_done(&slots);
}

static void what_was_asked_for_longest_ago_gives_way(void **state)
{
    (void)state;
    struct slots slots = {0};
    char query[16];
    struct slot *running = slots_take(&slots, &one, "0", 0);
    running->is_running = true;
    for (int i = 1; i < 2 * SLOTS_OF_ONE; i++) {
        (void)snprintf(query, sizeof query, "%d", i);
        assert_non_null(slots_take(&slots, &one, query, i));
    }
    size_t count = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++)
        count += slots.all[i].analysis != NULL;
    assert_int_equal(count, SLOTS_OF_ONE);
    assert_ptr_equal(slots_find(&slots, &one, "0"), running);
    assert_null(slots_find(&slots, &one, "1"));
    assert_non_null(slots_find(&slots, &one, query));
    slots_done(&slots);
}

static void bytes_are_bounded(void **state)
{
    (void)state;
    struct slots slots = {0};
    struct slot *old = slots_take(&slots, &one, "old", 1);
    slots_put(&slots, old, answer_of(SLOTS_BYTES_MAX / 2), 1);
    struct slot *newer = slots_take(&slots, &one, "newer", 2);
    slots_put(&slots, newer, answer_of(SLOTS_BYTES_MAX / 2), 2);
    assert_non_null(slots_find(&slots, &one, "old"));
    struct slot *newest = slots_take(&slots, &one, "newest", 3);
    slots_put(&slots, newest, answer_of(1), 3);
    assert_null(slots_find(&slots, &one, "old"));
    assert_non_null(slots_find(&slots, &one, "newer"));
    slots_put(&slots, newest, answer_of(2), 4); /* an answer in the place of another */
    assert_int_equal(newest->answer->len, 2);
    slots_done(&slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_has_one_slot),
        cmocka_unit_test(who_waits_comes_first_then_what_is_due_longest),
        cmocka_unit_test(what_was_asked_for_longest_ago_gives_way),
        cmocka_unit_test(bytes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
