/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "common/stats/worker_state.h"

#include <string.h>

static void what_waits_for_its_restart_warns(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "backing_off", "held",    "failed",           "hung",
        "unkillable",  "stopped", "waiting_for_lock", WORKER_SUSPENDED};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(worker_state_verdict(bad[i]), WORKER_VERDICT_WARN);
}

static void what_does_not_move_is_silent_but_for_waits_by_intent(void **state)
{
    (void)state;
    const int64_t a_bit = 1;
    assert_false(worker_state_is_silent("running", WORKER_SILENT_MS));
    assert_true(worker_state_is_silent("running", WORKER_SILENT_MS + a_bit));
    assert_true(worker_state_is_silent("draining", WORKER_SILENT_MS + a_bit));
    static const char *const disk[] = {"committing", "checkpointing", "migrating"};
    for (size_t i = 0; i < ARRAY_LEN(disk); i++) {
        assert_false(worker_state_is_silent(disk[i], WORKER_SILENT_DISK_MS));
        assert_true(worker_state_is_silent(disk[i], WORKER_SILENT_DISK_MS + a_bit));
    }
    assert_false(worker_state_is_silent("holding", INT64_C(60000)));
    assert_false(worker_state_is_silent("waiting_for_answer", INT64_C(60000)));
    assert_true(worker_state_is_silent(WORKER_SUSPENDED, 0));
    assert_false(worker_state_is_silent("backing_off", -1 /* no process */));
}

static void what_works_or_ends_as_asked_passes(void **state)
{
    (void)state;
    static const char *const good[] = {"running",  "committing", "checkpointing", "holding",
                                       "draining", "done",       "stopping"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(worker_state_verdict(good[i]), WORKER_VERDICT_PASS);
}

static void what_prepares_stores_nothing_yet(void **state)
{
    (void)state;
    assert_int_equal(worker_state_verdict("starting"), WORKER_VERDICT_AWAY);
    assert_int_equal(worker_state_verdict("migrating"), WORKER_VERDICT_AWAY);
}

static void a_source_passes_only_when_it_is_known_to_be_live(void **state)
{
    (void)state;
    assert_int_equal(source_state_verdict("live"), WORKER_VERDICT_PASS);
    static const char *const bad[] = {"silent", "connecting", "holding", "", "dancing"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(source_state_verdict(bad[i]), WORKER_VERDICT_WARN);
}

static void an_unknown_word_is_not_judged(void **state)
{
    (void)state;
    assert_int_equal(worker_state_verdict(""), WORKER_VERDICT_PASS);
    assert_int_equal(worker_state_verdict("dancing"), WORKER_VERDICT_PASS);
}

/* Readers tell a worker by its word: one word is one state, and the snapshot's field holds
 * all of it. */
static void words_are_unique_and_short(void **state)
{
    (void)state;
    static const char *const words[] = {
#define X(id, word, verdict) word,
        WORKER_PHASE_LIST(X) WORKER_STATE_LIST(X)
#undef X
            WORKER_SUSPENDED};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_true(strlen(words[i]) < 24);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(words[i], words[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_for_its_restart_warns),
        cmocka_unit_test(what_does_not_move_is_silent_but_for_waits_by_intent),
        cmocka_unit_test(what_works_or_ends_as_asked_passes),
        cmocka_unit_test(what_prepares_stores_nothing_yet),
        cmocka_unit_test(a_source_passes_only_when_it_is_known_to_be_live),
        cmocka_unit_test(an_unknown_word_is_not_judged),
        cmocka_unit_test(words_are_unique_and_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
