/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/refused/refusal_gate.h"

#include <stdio.h>
#include <stdlib.h>

#define S ((mono_us)US_PER_S)

/* How many of `tries` are let through. */
static int offer(struct refusal_gate *gate, const char *source, enum outcome outcome, mono_us now,
                 int tries)
{
    int taken = 0;
    for (int i = 0; i < tries; i++)
        taken += refusal_gate_take(gate, source, outcome, now);
    return taken;
}

static void a_flood_of_one_kind_takes_a_part(void **state)
{
    (void)state;
    struct refusal_gate gate = {0};
    assert_int_equal(offer(&gate, "a", OUTCOME_FILTERED_RATE, 0, 10000), 5);
    assert_int_equal(offer(&gate, "a", OUTCOME_FILTERED_TOPIC, 0, 10000), 3);
    assert_int_equal(offer(&gate, "b", OUTCOME_FILTERED_RATE, 0, 10000), 3);
    assert_int_equal(offer(&gate, "a", OUTCOME_FILTERED_RATE, S - 1, 10000), 0);
    assert_int_equal(offer(&gate, "a", OUTCOME_FILTERED_RATE, S, 10000), 5);
}

static void another_source_and_another_rule_still_get_theirs(void **state)
{
    (void)state;
    struct refusal_gate gate = {0};
    for (enum outcome i = 0; i < OUTCOME_COUNT; i++)
        (void)offer(&gate, "flood", i, 0, 1000);
    assert_in_range(gate.total, 5, REFUSALS_PER_SECOND / 2);
    assert_true(offer(&gate, "calm", OUTCOME_FILTERED_NODE, 0, 1) == 1);
}

/* Whatever comes, whenever: never more than so many in a second. */
static void never_more_than_the_limit(void **state)
{
    (void)state;
    struct refusal_gate gate = {0};
    mono_us now = 0;
    size_t taken = 0;
    srand(7);
    for (int i = 0; i < 200000; i++) {
        char source[8];
        now += rand() % 2000;
        (void)snprintf(source, sizeof source, "s%d", rand() % 12);
        if (!refusal_gate_take(&gate, source, (enum outcome)(rand() % OUTCOME_COUNT), now))
            continue;
        taken++;
        assert_true(gate.total <= REFUSALS_PER_SECOND && now - gate.began < S);
    }
    assert_true(taken <= (size_t)(now / S + 1) * REFUSALS_PER_SECOND);
    assert_true(taken >= (size_t)(now / S - 1) * (REFUSALS_PER_SECOND - 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_one_kind_takes_a_part),
        cmocka_unit_test(another_source_and_another_rule_still_get_theirs),
        cmocka_unit_test(never_more_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
