/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/flush/flusher_state.h"

static const enum flusher_state all[] = {
#define X(id) FLUSHER_##id,
    FLUSHER_STATE_LIST(X)
#undef X
};

static void everything_can_be_thrown_away(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(flusher_may(all[i], FLUSHER_CLOSED), all[i] != FLUSHER_CLOSED);
}

static void a_transaction_begins_between_two(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(flusher_may(all[i], FLUSHER_WRITING), all[i] == FLUSHER_IDLE);
}

/* The one recovery path: who was wrong once starts from the cursors in the database. */
static void nothing_goes_on_without_opening(void **state)
{
    (void)state;
    assert_false(flusher_may(FLUSHER_CLOSED, FLUSHER_IDLE));
    assert_false(flusher_may(FLUSHER_WAITING, FLUSHER_IDLE));
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(flusher_may(all[i], FLUSHER_OPENING), all[i] == FLUSHER_CLOSED);
}

static void a_new_flusher_is_closed(void **state)
{
    (void)state;
    static struct flusher f;
    assert_int_equal(f.state, FLUSHER_CLOSED);
    flusher_check(&f);
    flusher_enter(&f, FLUSHER_OPENING);
    flusher_enter(&f, FLUSHER_CLOSED);
    f.retry_at = 1;
    flusher_enter(&f, FLUSHER_WAITING);
    assert_int_equal(f.state, FLUSHER_WAITING);
}

/* As the recovery does: first everything goes, then the state follows. */
static void a_store_may_be_gone_when_it_closes(void **state)
{
    (void)state;
    static struct flusher f;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (!flusher_may(all[i], FLUSHER_CLOSED))
            continue;
        f.state = all[i];
        flusher_enter(&f, FLUSHER_CLOSED);
        assert_int_equal(f.state, FLUSHER_CLOSED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_can_be_thrown_away),
        cmocka_unit_test(a_transaction_begins_between_two),
        cmocka_unit_test(nothing_goes_on_without_opening),
        cmocka_unit_test(a_new_flusher_is_closed),
        cmocka_unit_test(a_store_may_be_gone_when_it_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
