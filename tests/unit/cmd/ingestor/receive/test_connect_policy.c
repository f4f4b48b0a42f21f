/* SPDX-License-Identifier: MIT */
#include "tests/support/cmocka_all.h"

#include "cmd/ingestor/receive/connect_policy.h"

#define S ((mono_us)US_PER_S)

/* Every test begins at an odd time, so that nobody can rely on 0. */
#define BEGIN (1000 * S + 7)

static struct connect_policy make(int silence_s, uint64_t seed)
{
    struct connect_policy p;
    connect_policy_init(&p, 30, silence_s, seed);
    return p;
}

static void go_live(struct connect_policy *p, mono_us now)
{
    assert_int_equal(connect_policy_turn(p, now, p->last_receipt), CONNECT_RESOLVE);
    connect_policy_event(p, CONNECT_RESOLVED, now);
    connect_policy_event(p, CONNECT_OPENED, now);
    connect_policy_event(p, CONNECT_GRANTED, now);
    assert_int_equal(p->state, SOURCE_LIVE);
}

static void walks_through_the_states(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 1);
    assert_int_equal(p.state, SOURCE_IDLE);
    assert_int_equal(connect_policy_turn(&p, BEGIN, 0), CONNECT_RESOLVE);
    assert_int_equal(p.state, SOURCE_RESOLVING);
    assert_int_equal(connect_policy_turn(&p, BEGIN + 500 * S, 0), CONNECT_WAIT);
    connect_policy_event(&p, CONNECT_RESOLVED, BEGIN);
    assert_int_equal(p.state, SOURCE_CONNECTING);
    connect_policy_event(&p, CONNECT_OPENED, BEGIN);
    assert_int_equal(p.state, SOURCE_SUBSCRIBING);
    connect_policy_event(&p, CONNECT_GRANTED, BEGIN);
    assert_int_equal(p.state, SOURCE_LIVE);
}

static void fail_times(struct connect_policy *p, mono_us *now, int times)
{
    for (int i = 0; i < times; i++) {
        *now = p->retry_at;
        assert_int_equal(connect_policy_turn(p, *now, 0), CONNECT_RESOLVE);
        connect_policy_event(p, CONNECT_RESOLVED, *now);
        connect_policy_event(p, CONNECT_FAILED, *now);
    }
}

static void asks_for_a_fresh_process_once_after_a_loss(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 3);
    mono_us now = BEGIN;
    assert_int_equal(connect_policy_turn(&p, now, 0), CONNECT_RESOLVE);
    connect_policy_event(&p, CONNECT_RESOLVED, now);
    connect_policy_event(&p, CONNECT_FAILED, now);
    fail_times(&p, &now, 20);
    assert_false(connect_policy_wants_renewal(&p)); /* nothing was lost */

    p = make(0, 3);
    go_live(&p, now);
    connect_policy_event(&p, CONNECT_FAILED, now);
    fail_times(&p, &now, RENEW_ATTEMPTS - 1);
    assert_false(connect_policy_wants_renewal(&p));
    fail_times(&p, &now, 1);
    assert_true(connect_policy_wants_renewal(&p));

    struct connect_policy fresh = make(0, 4);
    connect_policy_resume(&fresh, p.failures, p.retry_at, now);
    assert_int_equal(fresh.state, SOURCE_BACKING_OFF);
    assert_int_equal(connect_policy_turn(&fresh, p.retry_at - 1, 0), CONNECT_WAIT);
    fail_times(&fresh, &now, 20);
    assert_in_range((uint64_t)(fresh.retry_at - now), 15 * S, 30 * S);
    assert_false(connect_policy_wants_renewal(&fresh));
}

static void resumes_at_once_what_has_waited_enough(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 5);
    connect_policy_resume(&p, 3, BEGIN - 1, BEGIN);
    assert_int_equal(connect_policy_turn(&p, BEGIN, 0), CONNECT_RESOLVE);
    p = make(0, 5);
    connect_policy_resume(&p, 3, BEGIN + 1, BEGIN); /* shorter than any wait of its own */
    assert_int_equal(connect_policy_turn(&p, BEGIN, 0), CONNECT_WAIT);
    assert_int_equal(connect_policy_turn(&p, BEGIN + 1, 0), CONNECT_RESOLVE);
}

static void slows_down_for_a_broker_that_ends_us_at_our_subscription(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 6);
    mono_us now = BEGIN;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(connect_policy_turn(&p, now, 0), CONNECT_RESOLVE);
        connect_policy_event(&p, CONNECT_RESOLVED, now);
        connect_policy_event(&p, CONNECT_OPENED, now);
        connect_policy_event(&p, CONNECT_FAILED, now);
        assert_in_range((uint64_t)(p.retry_at - now), S, 300 * S);
        now = p.retry_at;
    }
    assert_in_range((uint64_t)(p.retry_at - p.since), 150 * S, 300 * S);
    go_live(&p, now);
    assert_int_equal(p.denials, 0);
}

static void backoff_grows_is_jittered_and_capped(void **state)
{
    (void)state;
    bool differs = false;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct connect_policy p = make(0, seed);
        struct connect_policy other = make(0, seed + 1000);
        mono_us now = BEGIN;
        mono_us high = 2 * S;
        for (int i = 0; i < 40; i++) {
            connect_policy_event(&p, CONNECT_FAILED, now);
            connect_policy_event(&other, CONNECT_FAILED, now);
            const mono_us wait = p.retry_at - now;
            assert_in_range((uint64_t)wait, (uint64_t)(high / 2), (uint64_t)high);
            differs = differs || p.retry_at != other.retry_at;
            assert_int_equal(connect_policy_turn(&p, p.retry_at - 1, 0), CONNECT_WAIT);
            assert_int_equal(connect_policy_turn(&p, p.retry_at, 0), CONNECT_RESOLVE);
            now = p.retry_at;
            high = high * 2 > BACKOFF_MAX_US ? BACKOFF_MAX_US : high * 2;
        }
    }
    assert_true(differs);
}

static void only_a_stable_connection_forgets_failures(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 5);
    for (int i = 0; i < 6; i++)
        connect_policy_event(&p, CONNECT_FAILED, BEGIN);
    mono_us now = p.retry_at;
    go_live(&p, now);
    connect_policy_event(&p, CONNECT_FAILED, now + STABLE_US - 1);
    assert_int_equal(p.failures, 7);
    now = p.retry_at;
    go_live(&p, now);
    connect_policy_event(&p, CONNECT_FAILED, now + STABLE_US);
    assert_int_equal(p.failures, 1);
}

/* Away for a moment each time: attempts meet nobody. A client with our name throws us out of a
 * broker that is always there. */
static void a_broker_that_restarts_all_the_time_is_no_rival(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 11);
    mono_us now = BEGIN;
    for (int i = 0; i < 20; i++) {
        go_live(&p, now);
        assert_int_equal(p.short_lives, 0);
        now += 5 * S;
        connect_policy_event(&p, CONNECT_FAILED, now);
        assert_in_range((uint64_t)(p.retry_at - now), S, 4 * S);
        fail_times(&p, &now, 1);
        assert_in_range((uint64_t)(p.retry_at - now), S, 8 * S);
        now = p.retry_at;
    }
    go_live(&p, now);
    for (int i = 0; i < 20; i++) {
        now += 5 * S;
        connect_policy_event(&p, CONNECT_FAILED, now);
        now = p.retry_at;
        go_live(&p, now);
    }
    assert_true(p.short_lives >= SHORT_LIVES_MAX);
    assert_in_range((uint64_t)p.failures, 20, 21);
}

static void a_broker_that_never_answers_is_given_up(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 5);
    assert_int_equal(connect_policy_turn(&p, BEGIN, 0), CONNECT_RESOLVE);
    connect_policy_event(&p, CONNECT_RESOLVED, BEGIN);
    const mono_us limit = BEGIN + 30 * S + CONNECT_GRACE_US;
    assert_int_equal(connect_policy_turn(&p, limit - 1, 0), CONNECT_WAIT);
    assert_int_equal(connect_policy_turn(&p, limit, 0), CONNECT_ABANDON);
    assert_int_equal(p.why, CONNECT_WHY_TIMEOUT);
    assert_int_equal(p.state, SOURCE_BACKING_OFF);
}

static void a_missing_suback_is_given_up(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 5);
    IGNORE(connect_policy_turn(&p, BEGIN, 0), "resolve");
    connect_policy_event(&p, CONNECT_RESOLVED, BEGIN);
    connect_policy_event(&p, CONNECT_OPENED, BEGIN);
    for (mono_us t = 0; t < SUBACK_TIMEOUT_US; t += ANSWER_LOOK_US)
        assert_int_equal(connect_policy_turn(&p, BEGIN + t, 0), CONNECT_WAIT);
    assert_int_equal(connect_policy_turn(&p, BEGIN + SUBACK_TIMEOUT_US, 0), CONNECT_ABANDON);
    assert_int_equal(p.why, CONNECT_WHY_SUBACK);
}

/* A session's backlog comes before the answer, as fast as it is stored; nobody looks while a
 * message waits for room. */
static void a_backlog_before_the_suback_is_no_missing_answer(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 5);
    IGNORE(connect_policy_turn(&p, BEGIN, 0), "resolve");
    connect_policy_event(&p, CONNECT_RESOLVED, BEGIN);
    connect_policy_event(&p, CONNECT_OPENED, BEGIN);
    mono_us now = BEGIN;
    for (int i = 0; i < 20; i++) {
        now += SUBACK_TIMEOUT_US - 1; /* all but a second of it the message waited */
        assert_int_equal(connect_policy_turn(&p, now, now - SUBACK_TIMEOUT_US / 2), CONNECT_WAIT);
    }
    const mono_us last = now - SUBACK_TIMEOUT_US / 2;
    now += 10 * SUBACK_TIMEOUT_US; /* one long wait: a look */
    assert_int_equal(connect_policy_turn(&p, now, last), CONNECT_WAIT);
    for (mono_us t = ANSWER_LOOK_US; t < SUBACK_TIMEOUT_US - ANSWER_LOOK_US; t += ANSWER_LOOK_US)
        assert_int_equal(connect_policy_turn(&p, now + t, last), CONNECT_WAIT);
    assert_int_equal(connect_policy_turn(&p, now + SUBACK_TIMEOUT_US, last), CONNECT_ABANDON);
    assert_int_equal(p.why, CONNECT_WHY_SUBACK);
}

static void a_refused_subscription_is_asked_for_again_without_churn(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 5);
    go_live(&p, BEGIN);
    connect_policy_event(&p, CONNECT_REFUSED, BEGIN);
    assert_int_equal(p.state, SOURCE_FAILED);
    for (mono_us t = 0; t < REFUSED_RETRY_US; t += S)
        assert_int_equal(connect_policy_turn(&p, BEGIN + t, 0), CONNECT_WAIT);
    assert_int_equal(connect_policy_turn(&p, BEGIN + REFUSED_RETRY_US, 0), CONNECT_SUBSCRIBE);
    assert_int_equal(p.state, SOURCE_SUBSCRIBING);
}

static void a_source_never_heard_is_silent_and_not_churned(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 5);
    go_live(&p, BEGIN);
    assert_int_equal(connect_policy_turn(&p, BEGIN + SILENCE_START_US - 1, 0), CONNECT_WAIT);
    assert_int_equal(p.state, SOURCE_LIVE);
    for (mono_us t = SILENCE_START_US; t < 100 * 3600 * S; t += 600 * S) {
        assert_int_equal(connect_policy_turn(&p, BEGIN + t, 0), CONNECT_WAIT);
        assert_int_equal(p.state, SOURCE_SILENT);
    }
    const mono_us heard = BEGIN + 100 * 3600 * S;
    assert_int_equal(connect_policy_turn(&p, heard, heard), CONNECT_WAIT);
    assert_int_equal(p.state, SOURCE_LIVE);
}

/* Messages every `gap`; returns the time of the last. */
static mono_us feed(struct connect_policy *p, mono_us now, mono_us gap, int count)
{
    for (int i = 0; i < count; i++) {
        now += gap;
        assert_int_equal(connect_policy_turn(p, now, now), CONNECT_WAIT);
    }
    return now;
}

static void the_threshold_follows_the_gaps(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 5);
    go_live(&p, BEGIN);
    mono_us now = feed(&p, BEGIN, S / 2, GAPS_NEEDED - 5);
    assert_int_equal(connect_policy_silence(&p, now), SILENCE_START_US);
    now = feed(&p, now, S / 2, 20);
    assert_int_equal(connect_policy_silence(&p, now), SILENCE_MIN_US);
    now = feed(&p, now, 100 * S, 1);
    assert_int_equal(connect_policy_silence(&p, now), GAP_FACTOR * 100 * S);
    assert_in_range((uint64_t)connect_policy_silence(&p, now + GAP_HALF_LIFE_US),
                    (uint64_t)(GAP_FACTOR * 50 * S - 10), (uint64_t)(GAP_FACTOR * 50 * S + 10));
    now = feed(&p, now, 700 * S, 1);
    assert_int_equal(connect_policy_silence(&p, now), SILENCE_MAX_US);
}

static void silence_reconnects_and_each_vain_one_doubles_the_wait(void **state)
{
    (void)state;
    struct connect_policy p = make(0, 5);
    go_live(&p, BEGIN);
    mono_us now = feed(&p, BEGIN, S, 100);
    const mono_us heard = now;
    mono_us expected = SILENCE_MIN_US;
    for (int i = 0; i < 10; i++) {
        mono_us from = i == 0 ? heard : now;
        assert_int_equal(connect_policy_turn(&p, from + expected - 1, heard), CONNECT_WAIT);
        assert_int_equal(connect_policy_turn(&p, from + expected, heard), CONNECT_ABANDON);
        assert_int_equal(p.why, CONNECT_WHY_SILENCE);
        assert_true(p.retry_at - from - expected <= 2 * S); /* not a failure: no long backoff */
        now = p.retry_at;
        go_live(&p, now);
        expected = 2 * expected > SILENCE_MAX_US ? SILENCE_MAX_US : 2 * expected;
    }
    /* The first message resets it, and the time away was no gap. */
    now = feed(&p, now, S, 2);
    assert_int_equal(connect_policy_silence(&p, now), SILENCE_MIN_US);
}

static void a_fixed_silence_is_taken_as_it_is(void **state)
{
    (void)state;
    struct connect_policy p = make(5, 5);
    go_live(&p, BEGIN);
    assert_int_equal(connect_policy_turn(&p, BEGIN + 6 * S, 0), CONNECT_WAIT);
    assert_int_equal(p.state, SOURCE_SILENT);
    const mono_us now = feed(&p, BEGIN + 6 * S, S, 1);
    assert_int_equal(connect_policy_turn(&p, now + 5 * S - 1, now), CONNECT_WAIT);
    assert_int_equal(connect_policy_turn(&p, now + 5 * S, now), CONNECT_ABANDON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_through_the_states),
        cmocka_unit_test(asks_for_a_fresh_process_once_after_a_loss),
        cmocka_unit_test(resumes_at_once_what_has_waited_enough),
        cmocka_unit_test(slows_down_for_a_broker_that_ends_us_at_our_subscription),
        cmocka_unit_test(backoff_grows_is_jittered_and_capped),
        cmocka_unit_test(only_a_stable_connection_forgets_failures),
        cmocka_unit_test(a_broker_that_restarts_all_the_time_is_no_rival),
        cmocka_unit_test(a_broker_that_never_answers_is_given_up),
        cmocka_unit_test(a_missing_suback_is_given_up),
        cmocka_unit_test(a_backlog_before_the_suback_is_no_missing_answer),
        cmocka_unit_test(a_refused_subscription_is_asked_for_again_without_churn),
        cmocka_unit_test(a_source_never_heard_is_silent_and_not_churned),
        cmocka_unit_test(the_threshold_follows_the_gaps),
        cmocka_unit_test(silence_reconnects_and_each_vain_one_doubles_the_wait),
        cmocka_unit_test(a_fixed_silence_is_taken_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
