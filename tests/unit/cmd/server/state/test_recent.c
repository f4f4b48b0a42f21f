/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/state/recent.h"

#include <stdio.h>
#include <stdlib.h>

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define START  (INT64_C(1774796400) * 1000)

#define TABLE_MAX 200000

/* Rows in order of id, as a clock stamps them that may be set; the truth beside them. */
struct table {
    struct recent_row rows[TABLE_MAX];
    int64_t truth_ms[TABLE_MAX]; /* a clock that nobody sets */
    size_t count, lookups;
    int64_t id, true_ms, offset_ms;
};

static int setup(void **state)
{
    struct table *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->true_ms = START;
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* One row a minute, or whatever the pace is. */
static void pass(struct table *t, int64_t time_ms, int64_t pace_ms)
{
    for (int64_t passed = 0; passed < time_ms; passed += pace_ms) {
        assert_true(t->count < TABLE_MAX);
        t->id++;
        t->true_ms += pace_ms;
        t->truth_ms[t->count] = t->true_ms;
        t->rows[t->count++] = (struct recent_row){t->id, t->true_ms + t->offset_ms};
    }
}

static bool row_at(void *context, int64_t id, struct recent_row *out)
{
    struct table *t = context;
    size_t low = 0;
    size_t high = t->count;
    t->lookups++;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (t->rows[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    assert_true(low < t->count);
    *out = t->rows[low];
    return true;
}

static int64_t count(struct table *t, int64_t window_ms)
{
    const struct recent_rows rows = {t->rows[0].id, t->rows[t->count - 1].id, row_at, t};
    t->lookups = 0;
    return recent_count(&rows, window_ms, t->true_ms + t->offset_ms);
}

static int64_t truth(const struct table *t, int64_t window_ms)
{
    int64_t n = 0;
    for (size_t i = 0; i < t->count; i++)
        n += t->truth_ms[i] >= t->true_ms - window_ms;
    return n;
}

static void exact_where_the_clock_is_left_alone(void **state)
{
    struct table *t = *state;
    pass(t, MINUTE, MINUTE);
    assert_int_equal(count(t, HOUR), 1);
    pass(t, 9 * HOUR, MINUTE);
    assert_int_equal(count(t, HOUR), truth(t, HOUR));
    assert_int_equal(count(t, DAY), (int64_t)t->count);
    pass(t, 60 * DAY, MINUTE);
    assert_int_equal(count(t, HOUR), truth(t, HOUR));
    assert_int_equal(count(t, DAY), truth(t, DAY));
    t->true_ms += 2 * HOUR; /* nothing comes any more */
    assert_int_equal(count(t, HOUR), 0);
    assert_int_equal(count(t, DAY), truth(t, DAY));
}

/* Whatever the step and how long ago it was: never twice, and right but for an eighth. */
static void a_clock_set_back_counts_nothing_twice(void **state)
{
    struct table *t = *state;
    for (int64_t step = 5; step <= 4000; step = step * 2 + 1) {
        for (int64_t since = 0; since <= 200; since += 7) {
            *t = (struct table){.true_ms = START};
            pass(t, 10 * HOUR, MINUTE);
            t->offset_ms = -step * MINUTE;
            if (since > 0)
                pass(t, since * MINUTE, MINUTE);
            const int64_t expected = truth(t, HOUR);
            const int64_t got = count(t, HOUR);
            const int64_t wrong = got > expected ? got - expected : expected - got;
            if (wrong > expected / 7)
                fail_msg("%d min back, %d min ago: %d instead of %d", (int)step, (int)since,
                         (int)got, (int)expected);
        }
    }
}

static void a_moment_in_the_future_hides_nothing(void **state)
{
    struct table *t = *state;
    pass(t, 3 * DAY, MINUTE);
    t->offset_ms = 1000 * DAY;
    pass(t, 10 * MINUTE, MINUTE);
    assert_int_equal(count(t, HOUR), 10); /* as its clock has it */
    t->offset_ms = 0;
    assert_int_equal(count(t, HOUR), 61);
    pass(t, 20 * MINUTE, MINUTE);
    assert_true(llabs(count(t, HOUR) - truth(t, HOUR)) <= 10);
    assert_true(llabs(count(t, DAY) - truth(t, DAY)) <= 10);
    pass(t, 5 * DAY, MINUTE);
    assert_int_equal(count(t, HOUR), truth(t, HOUR));
}

static void ids_may_have_gaps(void **state)
{
    struct table *t = *state;
    for (int hour = 0; hour < 5; hour++) {
        pass(t, HOUR, MINUTE);
        t->id += 1000; /* what was between is deleted: counted all the same */
        t->true_ms += 30 * MINUTE;
    }
    t->true_ms -= 30 * MINUTE;
    const int64_t hour = count(t, HOUR);
    assert_true(hour >= 60 && hour <= 61);
    assert_int_equal(count(t, 2 * HOUR), 1000 + truth(t, 2 * HOUR));
    struct recent_rows one = {t->rows[7].id, t->rows[7].id, row_at, t};
    assert_int_equal(recent_count(&one, HOUR, t->rows[7].ms), 1);
    assert_int_equal(recent_count(&one, HOUR, t->rows[7].ms + HOUR + 1), 0);
    assert_int_equal(recent_count(&one, HOUR, t->rows[7].ms - DAY), 1); /* set back since */
}

static bool not_now(void *context, int64_t id, struct recent_row *out)
{
    (void)context;
    (void)id;
    (void)out;
    return false;
}

static void unknown_when_a_row_can_not_be_read(void **state)
{
    (void)state;
    const struct recent_rows rows = {1, 1000, not_now, NULL};
    assert_true(recent_count(&rows, HOUR, START) == RECENT_UNKNOWN);
}

static void a_few_hundred_lookups_at_most(void **state)
{
    struct table *t = *state;
    pass(t, TABLE_MAX * 100, 100);
    IGNORE(count(t, DAY), "the look-ups are counted");
    assert_true(t->lookups < 160);
}

static void a_clock_set_often_has_a_bound(void **state)
{
    struct table *t = *state;
    for (int i = 0; i < 3 * RECENT_STEPS_MAX; i++) {
        pass(t, 1000 * MINUTE / 100, MINUTE / 100);
        t->offset_ms -= DAY;
    }
    IGNORE(count(t, DAY), "the look-ups are counted");
    assert_true(t->lookups < 160 * RECENT_STEPS_MAX);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(exact_where_the_clock_is_left_alone),  TEST(a_clock_set_back_counts_nothing_twice),
        TEST(a_moment_in_the_future_hides_nothing), TEST(ids_may_have_gaps),
        TEST(unknown_when_a_row_can_not_be_read),   TEST(a_few_hundred_lookups_at_most),
        TEST(a_clock_set_often_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
