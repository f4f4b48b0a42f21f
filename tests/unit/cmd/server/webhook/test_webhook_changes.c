/* SPDX-License-Identifier: MIT
 *
 * webhook_changes: what is told, and what is not. */
#include "tests/support/cmocka_all.h"

#include "cmd/server/webhook/webhook_changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scene {
    struct webhook_changes known;
    struct health_report report;
    struct webhook_change changes[HEALTH_CHECKS_MAX];
    mono_us now;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->now = 1000 * (mono_us)US_PER_S;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* One second later, with these levels of eu and us. */
static size_t second(struct scene *s, enum health_level eu, enum health_level us)
{
    health_begin(NULL, &s->report);
    health_add(&s->report, "source:", "eu", eu, "%s", eu == HEALTH_PASS ? "live" : "gone");
    health_add(&s->report, "source:", "us", us, "%s", us == HEALTH_PASS ? "live" : "gone");
    s->now += US_PER_S;
    return webhook_changes_look(&s->known, &s->report, s->now, s->changes);
}

static void test_well_from_the_start_is_not_told(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(second(s, HEALTH_PASS, HEALTH_PASS), 0);
}

static void test_a_change_is_told_once_when_it_has_lasted(void **state)
{
    struct scene *s = *state;
    assert_int_equal(second(s, HEALTH_PASS, HEALTH_PASS), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(second(s, HEALTH_WARN, HEALTH_PASS), 0);
    assert_int_equal(second(s, HEALTH_WARN, HEALTH_PASS), 1);
    assert_string_equal(s->changes[0].name, "source:eu");
    assert_string_equal(s->changes[0].output, "gone");
    assert_int_equal(s->changes[0].from, HEALTH_PASS);
    assert_int_equal(s->changes[0].to, HEALTH_WARN);
    assert_int_equal(s->known.told, HEALTH_WARN);
    for (int i = 0; i < 20; i++)
        assert_int_equal(second(s, HEALTH_WARN, HEALTH_PASS), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(second(s, HEALTH_PASS, HEALTH_WARN), 0);
    assert_int_equal(second(s, HEALTH_PASS, HEALTH_WARN), 2); /* both in one letter */
    assert_int_equal(s->known.told, HEALTH_WARN);
}

static void test_what_comes_and_goes_is_not_told(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 40; i++)
        assert_int_equal(second(s, i % 3 == 0 ? HEALTH_FAIL : HEALTH_PASS, HEALTH_PASS), 0);
}

static void test_a_check_that_is_gone_is_well(void **state)
{
    struct scene *s = *state;
    size_t told = 0;
    for (int i = 0; i < 5; i++)
        told += second(s, HEALTH_PASS, HEALTH_FAIL);
    assert_int_equal(told, 1);
    told = 0;
    for (int i = 0; i < 5; i++) {
        health_begin(NULL, &s->report); /* the source was removed */
        s->now += US_PER_S;
        told += webhook_changes_look(&s->known, &s->report, s->now, s->changes);
        if (told == 1 && s->known.count > 0) {
            assert_string_equal(s->changes[0].name, "source:us");
            assert_string_equal(s->changes[0].output, "");
        }
    }
    assert_int_equal(told, 1);
    assert_int_equal(s->known.count, 0); /* and forgotten */
    assert_int_equal(s->known.told, HEALTH_PASS);
}

static void test_many_names_are_bounded(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 3 * HEALTH_CHECKS_MAX; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "source%d", i);
        health_begin(NULL, &s->report);
        health_add(&s->report, "source:", name, HEALTH_WARN, "gone");
        s->now += US_PER_S;
        assert_in_range(webhook_changes_look(&s->known, &s->report, s->now, s->changes), 0,
                        HEALTH_CHECKS_MAX);
        assert_in_range(s->known.count, 0, HEALTH_CHECKS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_well_from_the_start_is_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_change_is_told_once_when_it_has_lasted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_comes_and_goes_is_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_check_that_is_gone_is_well, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_names_are_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
