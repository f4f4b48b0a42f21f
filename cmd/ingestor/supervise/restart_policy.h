/* SPDX-License-Identifier: MIT
 *
 * restart_policy - when a worker that ended is started again. Pure; one struct per worker.
 *
 * The first death after 10 s of health restarts at once and resets the backoff; later ones wait
 * 100 ms, doubling to 30 s. The budget (maxProcessRestarts) loses one at each charged death and
 * regains one per healthy minute. Spent: a receiver is FAILED and tried again every 5 minutes;
 * the flusher's ends the supervisor - the caller decides by the kind. Deaths that are not the
 * worker's fault (exit 75: a lock not yet free, a QoS 1 wait that ran out) wait like others but
 * are not charged. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define RESTART_HEALTHY_US      (10 * (mono_us)US_PER_S)
#define RESTART_FIRST_WAIT_US   (100 * (mono_us)US_PER_MS)
#define RESTART_LONGEST_WAIT_US (30 * (mono_us)US_PER_S)
#define RESTART_FAILED_WAIT_US  (300 * (mono_us)US_PER_S)
#define RESTART_REGAIN_US       (60 * (mono_us)US_PER_S)

struct restart_policy {
    int max_budget, budget;
    mono_us next_wait;   /* of the next death that does not restart at once */
    mono_us regained_at; /* when the budget was last raised in this life */
};

void restart_policy_init(struct restart_policy *policy, int max_restarts);
/* maxProcessRestarts was changed: what was used stays used. */
void restart_policy_resize(struct restart_policy *policy, int max_restarts);
/* A running, healthy worker: regain budget. healthy_since = first healthy turn of this life. */
void restart_policy_healthy(struct restart_policy *policy, mono_us healthy_since, mono_us now);

enum restart_decision { RESTART_AFTER_WAIT, RESTART_SPENT };
/* The worker ended at `now`; healthy_since 0 = it never was. *out_wait = how long to wait
 * (0 = at once). */
enum restart_decision restart_policy_died(struct restart_policy *policy, mono_us healthy_since,
                                          mono_us now, bool is_charged, mono_us *out_wait);
