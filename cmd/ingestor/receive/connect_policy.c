/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/receive/connect_policy.h"

#include <assert.h>
#include <math.h>

#define DOUBLINGS_MAX 16

/* What holds between any two calls. */
ASSERT_ONLY static bool is_consistent(const struct connect_policy *policy)
{
    const mono_us wait = policy->retry_at - policy->since;
    switch (policy->state) {
    case SOURCE_BACKING_OFF: /* I1 */
        return wait >= BACKOFF_MIN_US && wait <= BACKOFF_DENIED_US;
    case SOURCE_SILENT: /* I3 */
        return policy->last_receipt == 0;
    case SOURCE_BACKPRESSURE: /* the receiver's words for its status, no states of a connection */
    case SOURCE_STOPPED:
        return false;
    case SOURCE_IDLE:
    case SOURCE_RESOLVING:
    case SOURCE_CONNECTING:
    case SOURCE_SUBSCRIBING:
    case SOURCE_LIVE:
    case SOURCE_FAILED:
        return policy->gaps <= GAPS_NEEDED;
    }
    return false;
}

static uint64_t next_random(struct connect_policy *policy)
{
    /* splitmix64: any seed is a good one, zero included. */
    uint64_t z = policy->random += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static void enter(struct connect_policy *policy, enum source_state state, mono_us now)
{
    policy->state = state;
    policy->since = now;
    policy->unanswered = 0;
    policy->looked_at = now;
}

static bool is_up(const struct connect_policy *policy)
{
    return policy->state == SOURCE_LIVE || policy->state == SOURCE_SILENT;
}

static mono_us doubled(mono_us base, unsigned times, mono_us max)
{
    const mono_us value = base << (times < DOUBLINGS_MAX ? times : DOUBLINGS_MAX);
    return value < max ? value : max;
}

/* What the end of this connection, or attempt, says about the next. */
static void note_end(struct connect_policy *policy, mono_us now)
{
    if (is_up(policy)) {
        const mono_us life = now - policy->since;
        if (life >= STABLE_US)
            policy->failures = 0;
        policy->short_lives = life < SHORT_LIFE_US ? policy->short_lives + 1 : 0;
    }
    if (policy->state == SOURCE_SUBSCRIBING)
        policy->denials++;
    policy->was_away = policy->state == SOURCE_RESOLVING || policy->state == SOURCE_CONNECTING;
    if (is_up(policy) || policy->state == SOURCE_SUBSCRIBING || policy->state == SOURCE_FAILED) {
        policy->has_lost = true;
        policy->attempts_since = 0;
    } else if (policy->state == SOURCE_CONNECTING) { /* a name that is not found is no library's */
        policy->attempts_since++;
    }
}

static void back_off(struct connect_policy *policy, mono_us now)
{
    note_end(policy, now);
    const mono_us max = policy->denials >= DENIALS_MAX ? BACKOFF_DENIED_US : BACKOFF_MAX_US;
    const mono_us high = doubled(2 * BACKOFF_MIN_US, policy->failures, max);
    const mono_us jitter = (mono_us)(next_random(policy) % (uint64_t)(high / 2 + 1));
    policy->failures++;
    policy->retry_at = now + high / 2 + jitter;
    enter(policy, SOURCE_BACKING_OFF, now);
}

void connect_policy_init(struct connect_policy *policy, int connect_timeout_s, int silence_s,
                         uint64_t seed)
{
    *policy = (struct connect_policy){
        .connect_timeout = (mono_us)connect_timeout_s * US_PER_S,
        .silence_fixed = (mono_us)silence_s * US_PER_S,
        .state = SOURCE_IDLE,
        .random = seed,
    };
}

void connect_policy_resume(struct connect_policy *policy, unsigned failures, mono_us retry_at,
                           mono_us now)
{
    assert(policy->state == SOURCE_IDLE);
    policy->failures = failures;
    if (retry_at <= now)
        return;
    enter(policy, SOURCE_BACKING_OFF, now);
    policy->retry_at = retry_at < now + BACKOFF_DENIED_US ? retry_at : now + BACKOFF_DENIED_US;
    if (policy->retry_at - now < BACKOFF_MIN_US) /* I1: it began to wait before this process did */
        policy->since = policy->retry_at - BACKOFF_MIN_US;
}

bool connect_policy_wants_renewal(const struct connect_policy *policy)
{
    return policy->has_lost && policy->state == SOURCE_BACKING_OFF &&
           policy->attempts_since >= RENEW_ATTEMPTS;
}

void connect_policy_event(struct connect_policy *policy, enum connect_event event, mono_us now)
{
    assert(is_consistent(policy));
    switch (event) {
    case CONNECT_RESOLVED:
        enter(policy, SOURCE_CONNECTING, now);
        break;
    case CONNECT_OPENED:
        policy->has_lost = false; /* the library works */
        policy->attempts_since = 0;
        enter(policy, SOURCE_SUBSCRIBING, now);
        break;
    case CONNECT_GRANTED:
        policy->denials = 0;
        if (policy->was_away) { /* I2 */
            policy->failures = 0;
            policy->short_lives = 0;
        }
        enter(policy, SOURCE_LIVE, now);
        break;
    case CONNECT_REFUSED:
        enter(policy, SOURCE_FAILED, now);
        break;
    case CONNECT_FAILED:
        back_off(policy, now);
        break;
    }
    assert(is_consistent(policy));
}

static mono_us decayed_peak(const struct connect_policy *policy, mono_us now)
{
    const double half_lives = (double)(now - policy->gap_peak_at) / (double)GAP_HALF_LIFE_US;
    return (mono_us)((double)policy->gap_peak * exp2(-half_lives));
}

mono_us connect_policy_silence(const struct connect_policy *policy, mono_us now)
{
    if (policy->silence_fixed > 0)
        return policy->silence_fixed;
    mono_us threshold = GAP_FACTOR * decayed_peak(policy, now);
    const mono_us floor = policy->gaps < GAPS_NEEDED ? SILENCE_START_US : SILENCE_MIN_US;
    threshold = threshold > floor ? threshold : floor;
    return doubled(threshold, policy->silent_reconnects, SILENCE_MAX_US);
}

/* A gap counts only within one connection: the time we were away says nothing about the source. */
static void learn(struct connect_policy *policy, mono_us now, mono_us receipt)
{
    if (receipt == policy->last_receipt)
        return;
    if (policy->last_receipt >= policy->since && policy->last_receipt != 0) {
        const mono_us gap = receipt - policy->last_receipt;
        if (gap > decayed_peak(policy, now)) {
            policy->gap_peak = gap;
            policy->gap_peak_at = now;
        }
        if (policy->gaps < GAPS_NEEDED)
            policy->gaps++;
    }
    policy->last_receipt = receipt;
    policy->silent_reconnects = 0;
    policy->state = SOURCE_LIVE;
}

static enum connect_action abandon(struct connect_policy *policy, enum connect_why why, mono_us now)
{
    policy->why = why;
    back_off(policy, now);
    return CONNECT_ABANDON;
}

/* I7 */
static enum connect_action judge_answer(struct connect_policy *policy, mono_us now,
                                        mono_us last_receipt)
{
    const mono_us passed = now - policy->looked_at;
    policy->unanswered += passed < ANSWER_LOOK_US ? passed : ANSWER_LOOK_US;
    policy->looked_at = now;
    if (last_receipt != policy->heard_at)
        policy->unanswered = 0;
    policy->heard_at = last_receipt;
    return policy->unanswered < SUBACK_TIMEOUT_US ? CONNECT_WAIT
                                                  : abandon(policy, CONNECT_WHY_SUBACK, now);
}

static enum connect_action judge_silence(struct connect_policy *policy, mono_us now)
{
    const mono_us from =
        policy->last_receipt > policy->since ? policy->last_receipt : policy->since;
    if (now - from < connect_policy_silence(policy, now))
        return CONNECT_WAIT;
    if (policy->last_receipt == 0) {
        policy->state = SOURCE_SILENT; /* I3; `since` stays LIVE's */
        return CONNECT_WAIT;
    }
    policy->silent_reconnects++;
    const enum connect_action action = abandon(policy, CONNECT_WHY_SILENCE, now);
    /* Nothing failed: the broker answers. Only politeness keeps us from reconnecting at once. */
    policy->failures = 0;
    return action;
}

enum connect_action connect_policy_turn(struct connect_policy *policy, mono_us now,
                                        mono_us last_receipt)
{
    assert(is_consistent(policy));
    switch (policy->state) {
    case SOURCE_IDLE:
        enter(policy, SOURCE_RESOLVING, now);
        return CONNECT_RESOLVE;
    case SOURCE_BACKING_OFF:
        if (now < policy->retry_at)
            return CONNECT_WAIT;
        enter(policy, SOURCE_RESOLVING, now);
        return CONNECT_RESOLVE;
    case SOURCE_CONNECTING:
        if (now - policy->since < policy->connect_timeout + CONNECT_GRACE_US)
            return CONNECT_WAIT;
        return abandon(policy, CONNECT_WHY_TIMEOUT, now);
    case SOURCE_SUBSCRIBING:
        return judge_answer(policy, now, last_receipt);
    case SOURCE_LIVE:
    case SOURCE_SILENT:
        learn(policy, now, last_receipt);
        return judge_silence(policy, now);
    case SOURCE_FAILED:
        if (now - policy->since < REFUSED_RETRY_US)
            return CONNECT_WAIT;
        enter(policy, SOURCE_SUBSCRIBING, now);
        return CONNECT_SUBSCRIBE;
    case SOURCE_RESOLVING: /* ends by an event only: a look-up can't be called back */
    case SOURCE_BACKPRESSURE:
    case SOURCE_STOPPED:
        return CONNECT_WAIT;
    }
    return CONNECT_WAIT;
}
