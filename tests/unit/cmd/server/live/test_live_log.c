/* SPDX-License-Identifier: MIT
 *
 * A ring that grows at both ends, against a list that a test can see through. */
#include "tests/support/cmocka_all.h"

#include "tests/support/live_words.h"

#include <stdlib.h>
#include <string.h>

static void check_whole(const struct live_log *log, const size_t paddings[static 1])
{
    char text[8192];
    int64_t id = live_log_base(log);
    for (uint64_t n = live_log_begin(log); n < live_log_end(log); n++) {
        const struct live_event *event = live_log_at(log, n);
        assert_int_equal(event->id, ++id);
        assert_int_equal(event->text_len, live_words_text(id, paddings[id], text, sizeof text));
        assert_memory_equal(event->text, text, event->text_len);
        assert_int_equal(live_log_behind(log, id), n + 1);
        assert_int_equal(live_log_behind(log, id - 1), n);
    }
    assert_int_equal(id, live_log_last(log));
}

static bool push_older(struct live_log *log, const size_t *paddings)
{
    const int64_t id = live_log_base(log);
    struct live_batch *batch = live_words_batch(LIVE_BATCH_OLDER, id, id, paddings[id]);
    const bool has_room = live_log_push_front(log, &batch->events[0]);
    free(batch);
    return has_room;
}

/* Any order of both ends, events of many sizes, the ring's seam in every place. */
static void test_both_ends(void **state)
{
    (void)state;
    static size_t paddings[20000];
    unsigned seed = 1;
    for (size_t i = 0; i < ARRAY_LEN(paddings); i++) {
        seed = seed * 1103515245 + 12345;
        paddings[i] = (seed >> 16) % 700;
    }
    size_t refused = 0;
    for (int64_t round = 0; round < 20; round++) {
        struct live_log *log = live_log_new(5000, 16);
        assert_non_null(log);
        assert_false(live_log_is_open(log));
        live_log_open(log, 5000 + round);
        for (int i = 0; i < 300; i++) {
            seed = seed * 1103515245 + 12345;
            const int64_t next = live_log_last(log) + 1;
            if ((seed >> 16) % 3 == 0)
                refused += !push_older(log, paddings);
            else
                live_words_push(log, next, next, paddings[next]);
            check_whole(log, paddings);
            assert_true(live_log_end(log) - live_log_begin(log) <= 16);
        }
        live_log_free(log);
    }
    assert_true(refused > 100);
}

static void test_what_makes_room_raises_the_base(void **state)
{
    (void)state;
    struct live_log *log = live_log_new(1 << 20, 4);
    live_log_open(log, 10);
    const uint64_t first = live_log_begin(log);
    live_words_push(log, 11, 14, 0);
    assert_int_equal(live_log_base(log), 10);
    live_words_push(log, 15, 15, 0);
    assert_int_equal(live_log_base(log), 11);
    assert_int_equal(live_log_begin(log), first + 1);
    live_log_set_last(log, 20); /* nobody may see them */
    assert_int_equal(live_log_behind(log, 15), live_log_end(log));
    live_log_open(log, 3);
    assert_int_equal(live_log_base(log), 3);
    assert_true(live_log_begin(log) == live_log_end(log) && live_log_begin(log) > first + 5);
    live_log_free(log);
}

static void test_an_event_larger_than_the_ring(void **state)
{
    (void)state;
    struct live_log *log = live_log_new(500, 4);
    live_log_open(log, 0);
    live_words_push(log, 1, 2, 10);
    live_words_push(log, 3, 3, 600);
    assert_int_equal(live_log_last(log), 3);
    assert_int_equal(live_log_end(log) - live_log_begin(log), 2);
    live_words_push(log, 4, 4, 400);
    assert_int_equal(live_log_at(log, live_log_begin(log))->id, 4);
    live_log_free(log);
    live_log_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ends),
        cmocka_unit_test(test_what_makes_room_raises_the_base),
        cmocka_unit_test(test_an_event_larger_than_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
