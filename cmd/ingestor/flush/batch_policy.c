/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/batch_policy.h"

#include <assert.h>

static void check(const struct batch_policy *policy)
{
    assert(policy->max_rows > 0 && policy->window_us >= 0 && policy->sync_interval_us >= 0);
    (void)policy; /* without asserts */
}

mono_us batch_policy_wait_us(const struct batch_policy *policy, const struct batch_state *state,
                             mono_us now)
{
    check(policy);
    assert(state->last_begin <= now && (state->waiting == 0 || state->waiting_since <= now));
    if (state->waiting == 0)
        return INT64_MAX;
    if (state->sync_wanted || state->waiting >= policy->max_rows)
        return 0;
    const mono_us due = policy->window_us > 0 ? state->waiting_since + policy->window_us
                                              : state->last_begin + BATCH_MIN_GAP_US;
    return due > now ? due - now : 0;
}

bool batch_policy_is_durable(const struct batch_policy *policy, mono_us now, mono_us last_durable,
                             bool sync_wanted)
{
    check(policy);
    assert(last_durable <= now);
    if (sync_wanted || policy->window_us >= policy->sync_interval_us)
        return true;
    /* With a window, the batch that crosses the interval is the durable one: one commit instead of
     * two. Without one, latency matters more: the empty durable commit comes after it. Under a
     * backlog that never ends there is no "after", so a second interval forces it. */
    const mono_us age = now - last_durable;
    return policy->window_us > 0 ? age >= policy->sync_interval_us
                                 : age >= 2 * policy->sync_interval_us;
}

bool batch_policy_sync_due(const struct batch_policy *policy, mono_us now, mono_us last_durable,
                           bool has_unsynced, bool sync_wanted)
{
    check(policy);
    assert(last_durable <= now);
    return has_unsynced && (sync_wanted || now - last_durable >= policy->sync_interval_us);
}

bool batch_policy_may_defer(const struct batch_policy *policy, mono_us now, mono_us deferred_since,
                            uint64_t rows, bool sync_wanted)
{
    check(policy);
    assert(deferred_since <= now);
    return !sync_wanted && rows <= BATCH_DEFER_ROWS && rows < policy->max_rows &&
           now - deferred_since < BATCH_DEFER_US;
}
