/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/server/ops/silence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1795960800)

struct bench {
    struct stats_snapshot s;
    struct silences silences;
    int64_t now;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->now = NOW;
    b->s.mqtt_count = 1;
    strcpy(b->s.mqtt[0].name, "eu");
    b->s.mqtt[0].link.connected = 1;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* So many seconds, with a message every `gap`; 0 = none. */
static const struct silence *pass(struct bench *b, int seconds, int gap)
{
    for (int i = 1; i <= seconds; i++) {
        b->now++;
        if (gap > 0 && i % gap == 0)
            b->s.mqtt[0].last_packet_unix = b->now;
        silences_look(&b->silences, &b->s, b->now);
    }
    return &b->silences.all[0];
}

static void test_a_source_that_was_never_heard_is_not_silent(void **state)
{
    struct bench *b = *state;
    const struct silence *eu = pass(b, 5000, 0);
    assert_false(eu->is_silent);
    assert_int_equal(eu->silent_s, STATS_UNKNOWN);
    (void)pass(b, 20, 10); /* one gap is no measure */
    (void)pass(b, 5000, 0);
    assert_false(eu->is_silent);
    assert_int_equal(eu->silent_s, 5000);
    assert_int_equal(eu->usual_s, STATS_UNKNOWN);
    assert_int_equal(eu->limit_s, STATS_UNKNOWN);
}

static void test_each_has_its_own_measure(void **state)
{
    struct bench *b = *state;
    const struct silence *eu = pass(b, 600, 1); /* a busy one */
    assert_int_equal(eu->usual_s, 1);
    assert_int_equal(eu->limit_s, 30);
    assert_false(pass(b, 30, 0)->is_silent);
    assert_true(pass(b, 1, 0)->is_silent);
    assert_int_equal(eu->silent_s, 31);
    assert_false(pass(b, 1, 1)->is_silent);
    b->silences.count = 0;
    eu = pass(b, 6000, 60); /* a quiet one */
    assert_int_equal(eu->usual_s, 60);
    assert_int_equal(eu->limit_s, 240);
    assert_false(pass(b, 240, 0)->is_silent);
    assert_true(pass(b, 1, 0)->is_silent);
}

/* One pause in a hundred is usual; one in two hundred is not. */
static void test_the_longest_gap_is_not_the_usual(void **state)
{
    struct bench *b = *state;
    (void)pass(b, 100, 1);
    (void)pass(b, 100, 100);
    assert_int_equal(pass(b, 200, 1)->usual_s, 1);
}

static void test_no_connection_is_another_fault(void **state)
{
    struct bench *b = *state;
    (void)pass(b, 600, 1);
    b->s.mqtt[0].link.connected = 0;
    const struct silence *eu = pass(b, 1000, 0);
    assert_false(eu->is_silent);
    b->s.mqtt[0].link.connected = 1;
    eu = pass(b, 1, 1);
    assert_int_equal(eu->silent_s, 0);
    eu = pass(b, 300, 1);
    assert_int_equal(eu->usual_s, 1); /* the outage is no gap */
    eu = pass(b, 40, 0);
    assert_true(eu->is_silent);
    silences_forget(&b->silences); /* the sample is stale */
    assert_false(eu->is_silent);
    assert_int_equal(eu->silent_s, STATS_UNKNOWN);
}

static void test_more_names_than_slots(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 3 * CONFIG_SOURCES_MAX; i++) {
        (void)snprintf(b->s.mqtt[0].name, sizeof b->s.mqtt[0].name, "source %d", i);
        (void)pass(b, 3, 1);
        assert_in_range(b->silences.count, 1, CONFIG_SOURCES_MAX);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_source_that_was_never_heard_is_not_silent),
        TEST(test_each_has_its_own_measure),
        TEST(test_the_longest_gap_is_not_the_usual),
        TEST(test_no_connection_is_another_fault),
        TEST(test_more_names_than_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
