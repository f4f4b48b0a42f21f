/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/config/config_table.h"
#include "common/ring/refusal.h"

#include <string.h>

/* Whoever asks gets an answer for each way in which a message can fail to be stored. */
static void every_outcome_but_stored_has_a_cause(void **state)
{
    (void)state;
    for (enum outcome i = 0; i < OUTCOME_COUNT; i++) {
        const enum refusal cause = refusal_of(i);
        const bool is_stored = i == OUTCOME_COMMITTED || i == OUTCOME_DUPLICATE;
        assert_int_equal(cause == REFUSAL_NONE, is_stored);
        if (!is_stored)
            assert_int_equal(refusal_info(cause)->outcome, i);
    }
    assert_int_equal(refusal_of(OUTCOME_NONE), REFUSAL_NONE);
}

/* The counters of the slots are those in front. */
static void the_receivers_stand_first(void **state)
{
    (void)state;
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const struct outcome_info *info = outcome_info(refusal_info(i)->outcome);
        assert_int_equal(info->side == OUTCOME_SIDE_RECEIVER, i < REFUSALS_OF_RECEIVER);
    }
}

/* A row's two columns lead back to it: no two causes look the same. */
static void each_is_found_by_its_rule_and_option(void **state)
{
    (void)state;
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        char rule[OUTCOME_NAME_BYTES];
        const struct refusal_info *info = refusal_info(i);
        outcome_name(info->outcome, rule, sizeof rule);
        assert_int_equal(refusal_find(rule, info->option), i);
        assert_int_equal(refusal_find(rule, "ofAnotherVersion"), refusal_of(info->outcome));
        assert_true(strlen(info->sentence) > 10);
    }
    assert_int_equal(refusal_find("filtered.rate", NULL), REFUSAL_RATE);
    assert_int_equal(refusal_find("committed", NULL), REFUSAL_NONE);
    assert_int_equal(refusal_find("of another version", NULL), REFUSAL_NONE);
}

static void every_option_is_one(void **state)
{
    (void)state;
    for (enum refusal i = 0; i < REFUSAL_COUNT; i++) {
        const char *option = refusal_info(i)->option;
        const char *inner = strstr(option, "[].");
        const struct config_table *table = inner != NULL ? &config_source_options : &config_options;
        if (option[0] != '\0' && config_find(table, inner != NULL ? inner + 3 : option) == NULL)
            fail_msg("%s is no option", option);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome_but_stored_has_a_cause),
        cmocka_unit_test(the_receivers_stand_first),
        cmocka_unit_test(each_is_found_by_its_rule_and_option),
        cmocka_unit_test(every_option_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
