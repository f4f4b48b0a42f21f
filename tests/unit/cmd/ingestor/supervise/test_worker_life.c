/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/supervise/worker_life.h"

static const enum worker_state all[] = {WORKER_UNUSED, WORKER_RUNNING,
#define X(id, word, verdict) WORKER_##id,
                                        WORKER_STATE_LIST(X)
#undef X
};

/* Else two processes would write one ring. */
static void a_process_is_reaped_before_it_is_replaced(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (worker_life_has_process(all[i]))
            assert_false(worker_life_may(all[i], WORKER_RUNNING));
        else
            assert_true(worker_life_may(all[i], WORKER_RUNNING));
    }
}

static void only_what_runs_can_hang_or_be_held(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_int_equal(worker_life_may(all[i], WORKER_HUNG), all[i] == WORKER_RUNNING);
        assert_int_equal(worker_life_may(all[i], WORKER_HELD), all[i] == WORKER_RUNNING);
        assert_int_equal(worker_life_may(all[i], WORKER_UNKILLABLE), all[i] == WORKER_HUNG);
    }
}

static void what_was_asked_to_end_only_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(worker_life_may(WORKER_STOPPING, all[i]),
                         all[i] == WORKER_STOPPING || all[i] == WORKER_STOPPED);
}

static void a_slot_is_given_back_only_when_its_worker_has_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(worker_life_may(all[i], WORKER_UNUSED), all[i] == WORKER_STOPPED);
}

static void every_state_has_a_way_to_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i] != WORKER_UNUSED)
            assert_true(worker_life_may(all[i], WORKER_STOPPED));
    }
}

static void words_are_those_of_the_stats_file(void **state)
{
    (void)state;
    assert_null(worker_life_word(WORKER_UNUSED));
    assert_null(worker_life_word(WORKER_RUNNING));
    assert_string_equal(worker_life_word(WORKER_HELD), "held");
    assert_string_equal(worker_life_word(WORKER_STOPPED), "stopped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_reaped_before_it_is_replaced),
        cmocka_unit_test(only_what_runs_can_hang_or_be_held),
        cmocka_unit_test(what_was_asked_to_end_only_ends),
        cmocka_unit_test(a_slot_is_given_back_only_when_its_worker_has_stopped),
        cmocka_unit_test(every_state_has_a_way_to_its_end),
        cmocka_unit_test(words_are_those_of_the_stats_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
