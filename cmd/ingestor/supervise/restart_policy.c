/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/restart_policy.h"

void restart_policy_init(struct restart_policy *policy, int max_restarts)
{
    *policy =
        (struct restart_policy){.max_budget = max_restarts, .budget = max_restarts, .next_wait = 0};
}

void restart_policy_resize(struct restart_policy *policy, int max_restarts)
{
    const int used = policy->max_budget - policy->budget;
    policy->max_budget = max_restarts;
    policy->budget = used < max_restarts ? max_restarts - used : 0;
}

void restart_policy_healthy(struct restart_policy *policy, mono_us healthy_since, mono_us now)
{
    if (policy->regained_at < healthy_since)
        policy->regained_at = healthy_since;
    while (now - policy->regained_at >= RESTART_REGAIN_US) {
        policy->regained_at += RESTART_REGAIN_US;
        if (policy->budget < policy->max_budget)
            policy->budget++;
    }
}

enum restart_decision restart_policy_died(struct restart_policy *policy, mono_us healthy_since,
                                          mono_us now, bool is_charged, mono_us *out_wait)
{
    const bool was_healthy = healthy_since != 0 && now - healthy_since >= RESTART_HEALTHY_US;
    if (was_healthy)
        policy->next_wait = 0;
    *out_wait = was_healthy ? 0 : policy->next_wait > 0 ? policy->next_wait : RESTART_FIRST_WAIT_US;
    const mono_us doubled =
        policy->next_wait > 0 ? policy->next_wait * 2 : RESTART_FIRST_WAIT_US * 2;
    if (!was_healthy)
        policy->next_wait = doubled < RESTART_LONGEST_WAIT_US ? doubled : RESTART_LONGEST_WAIT_US;
    if (!is_charged)
        return RESTART_AFTER_WAIT;
    if (policy->budget == 0) {
        *out_wait = RESTART_FAILED_WAIT_US;
        return RESTART_SPENT;
    }
    policy->budget--;
    return RESTART_AFTER_WAIT;
}
