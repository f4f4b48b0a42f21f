/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/ops/anomaly.h"

#include <math.h>

#define START INT64_C(1795960800) /* a whole minute */
#define FLOOR 0.2

struct bench {
    struct anomaly a;
    int64_t minute; /* the next one */
};

static struct bench bench;

static int setup(void **state)
{
    bench = (struct bench){.minute = 0};
    anomaly_init(&bench.a);
    *state = &bench;
    return 0;
}

/* Whole minutes of one value, second by second. */
static void pass(struct bench *b, int minutes, double value)
{
    for (int i = 0; i < minutes; i++, b->minute++) {
        for (int s = 0; s < 60; s++)
            anomaly_add(&b->a, START + b->minute * 60 + s, 1, value, FLOOR);
    }
}

/* A minute is judged when it is over: the first second of the next one. */
static enum anomaly_verdict verdict(struct bench *b)
{
    struct anomaly copy = b->a;
    anomaly_add(&copy, START + b->minute * 60, 1, (double)NAN, FLOOR);
    return copy.verdict;
}

/* An hour around 12, with a spread. */
static void usual_hour(struct bench *b)
{
    for (int i = 0; i < 20; i++) {
        pass(b, 1, 11);
        pass(b, 1, 12);
        pass(b, 1, 13);
    }
    assert_int_equal(verdict(b), ANOMALY_USUAL);
}

static void test_it_learns_first(void **state)
{
    struct bench *b = *state;
    assert_int_equal(b->a.verdict, ANOMALY_UNKNOWN);
    pass(b, ANOMALY_LEAST + ANOMALY_LEFT_OUT - 1, 12);
    assert_int_equal(verdict(b), ANOMALY_LEARNING);
    pass(b, 1, 900); /* of which nobody knows whether it is usual */
    assert_int_equal(verdict(b), ANOMALY_LEARNING);
    pass(b, 1, 12);
    assert_int_equal(verdict(b), ANOMALY_USUAL);
}

static void test_the_band_is_median_and_mad(void **state)
{
    struct bench *b = *state;
    usual_hour(b);
    pass(b, 1, 12);
    pass(b, 1, 12);
    assert_true(b->a.band.median == 12);
    assert_true(b->a.band.low == 4 && b->a.band.high == 36); /* a third, and three times */
    setup(state);
    for (int i = 0; i < 60; i++)
        pass(b, 1, i % 2 ? 1000 : 2000); /* MAD 500: wider than three times */
    pass(b, 2, 1000);
    assert_true(b->a.band.median == 1500 && b->a.band.high == 4500 && b->a.band.low == -1500);
    setup(state);
    pass(b, 60, 0);
    pass(b, 1, 0);
    assert_true(b->a.band.high == FLOOR && b->a.band.low == -FLOOR);
}

/* CoreScope's flag lasted 15 s for a spike of 20 times, because the spike became its own base. */
static void test_a_spike_that_stays_stays_flagged(void **state)
{
    struct bench *b = *state;
    usual_hour(b);
    pass(b, 2, 240);
    assert_int_equal(verdict(b), ANOMALY_USUAL);
    pass(b, 1, 240);
    assert_int_equal(verdict(b), ANOMALY_HIGH);
    const int64_t since = START + b->minute * 60;
    pass(b, 600, 240);
    assert_int_equal(verdict(b), ANOMALY_HIGH);
    assert_int_equal(b->a.since_s, since);
    assert_true(b->a.band.median == 12);
    pass(b, 4, 12);
    assert_int_equal(verdict(b), ANOMALY_HIGH);
    pass(b, 1, 12);
    assert_int_equal(verdict(b), ANOMALY_USUAL);
    pass(b, 3, 12);
    assert_true(b->a.band.median == 12 && b->a.band.high == 36); /* the spike left nothing */
}

/* A stall is flagged, its recovery is not. */
static void test_a_stall_is_flagged_and_its_recovery_is_not(void **state)
{
    struct bench *b = *state;
    usual_hour(b);
    pass(b, 3, 0);
    assert_int_equal(verdict(b), ANOMALY_LOW);
    pass(b, 4, 0);
    for (int i = 0; i < 30; i++) {
        pass(b, 1, 12);
        assert_int_not_equal(verdict(b), ANOMALY_HIGH);
    }
    assert_int_equal(verdict(b), ANOMALY_USUAL);
}

static void test_three_of_five_on_one_side(void **state)
{
    struct bench *b = *state;
    usual_hour(b);
    pass(b, 1, 100);
    pass(b, 1, 12);
    pass(b, 1, 100);
    pass(b, 1, 0); /* the other side does not count */
    assert_int_equal(verdict(b), ANOMALY_USUAL);
    pass(b, 1, 100);
    assert_int_equal(verdict(b), ANOMALY_HIGH);
    setup(state);
    usual_hour(b);
    for (int i = 0; i < 20; i++) { /* two of any five */
        pass(b, 1, 100);
        pass(b, 2, 12);
    }
    assert_int_equal(verdict(b), ANOMALY_USUAL);
}

/* It may fall to the other side without having been usual. */
static void test_from_one_side_to_the_other(void **state)
{
    struct bench *b = *state;
    usual_hour(b);
    pass(b, 5, 100);
    assert_int_equal(verdict(b), ANOMALY_HIGH);
    pass(b, 1, 0);
    assert_int_equal(verdict(b), ANOMALY_LOW);
}

static void test_what_is_not_known_is_no_verdict(void **state)
{
    struct bench *b = *state;
    usual_hour(b);
    pass(b, 30, (double)NAN); /* the program was away */
    assert_int_equal(verdict(b), ANOMALY_USUAL);
    pass(b, 5, 12);
    assert_int_equal(verdict(b), ANOMALY_USUAL);
    pass(b, 3, 100);
    assert_int_equal(verdict(b), ANOMALY_HIGH);
    pass(b, 30, (double)NAN);
    assert_int_equal(verdict(b), ANOMALY_HIGH);
    b->minute += 1000; /* nobody sampled */
    pass(b, 5, 12);
    assert_int_equal(verdict(b), ANOMALY_USUAL);
}

/* Of a minute half must be known. */
static void test_a_part_of_a_minute(void **state)
{
    struct bench *b = *state;
    usual_hour(b);
    for (int i = 0; i < 5; i++, b->minute++) {
        for (int s = 0; s < 29; s++)
            anomaly_add(&b->a, START + b->minute * 60 + s, 1, 100, FLOOR);
    }
    assert_int_equal(verdict(b), ANOMALY_USUAL);
    for (int i = 0; i < 3; i++, b->minute++) /* rows of ten seconds, from the history */
        for (int s = 0; s < 60; s += 20)
            anomaly_add(&b->a, START + b->minute * 60 + s, 10, 100, FLOOR);
    assert_int_equal(verdict(b), ANOMALY_HIGH);
}

static void test_after_a_day_it_is_the_usual(void **state)
{
    struct bench *b = *state;
    usual_hour(b);
    pass(b, 3 + ANOMALY_STAYS_MIN - 1, 240);
    assert_int_equal(verdict(b), ANOMALY_HIGH);
    pass(b, 1, 240);
    assert_int_equal(verdict(b), ANOMALY_LEARNING);
    pass(b, 20, 240);
    assert_int_equal(verdict(b), ANOMALY_USUAL);
    pass(b, 3, 12);
    assert_int_equal(verdict(b), ANOMALY_LOW);
}

/* A clock that is set back begins a minute anew; nothing is divided by nothing. */
static void test_a_clock_that_is_set(void **state)
{
    struct bench *b = *state;
    usual_hour(b);
    b->minute -= 500;
    pass(b, 5, 12);
    assert_int_equal(verdict(b), ANOMALY_USUAL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        TEST(test_it_learns_first),
        TEST(test_the_band_is_median_and_mad),
        TEST(test_a_spike_that_stays_stays_flagged),
        TEST(test_a_stall_is_flagged_and_its_recovery_is_not),
        TEST(test_three_of_five_on_one_side),
        TEST(test_from_one_side_to_the_other),
        TEST(test_what_is_not_known_is_no_verdict),
        TEST(test_a_part_of_a_minute),
        TEST(test_after_a_day_it_is_the_usual),
        TEST(test_a_clock_that_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
