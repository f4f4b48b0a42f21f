/* SPDX-License-Identifier: MIT
 *
 * worker_life - the states of a worker as the supervisor sees it, and which may follow which. Pure.
 *
 *   UNUSED      nobody's                         -> spawned
 *   RUNNING     its process runs; says its phase -> reaped, killed, asked to stop
 *   BACKING_OFF died                             -> spawned at start_at
 *   HELD        ended for want of room           -> spawned when its ring has room again
 *   FAILED      spent its restarts               -> spawned at start_at (5 minutes)
 *   HUNG        killed                           -> reaped; UNKILLABLE after 5 s in state D
 *   UNKILLABLE  waits in the kernel              -> reaped (never replaced before)
 *   STOPPING    asked to end                     -> reaped: STOPPED
 *   STOPPED     has ended as asked               -> spawned again (a reload), UNUSED (source gone)
 *
 * A spawn that fails (no process to be had, or its session at the broker still has another one) is
 * BACKING_OFF, from wherever it was tried.
 * I1: a process exists in RUNNING, HUNG, UNKILLABLE and STOPPING, and in no other. I2: from none of
 * these a step leads to RUNNING: a worker is reaped before it is replaced. Both are asserted at
 * each step (workers.c). */
#pragma once

#include "common/base/base.h"
#include "common/stats/worker_state.h"

enum worker_state {
    WORKER_UNUSED,
    WORKER_RUNNING,
#define X(id, word, verdict) WORKER_##id,
    WORKER_STATE_LIST(X)
#undef X
};

/* May a worker in `from` be in `to` next? Staying is a step of its own: only a second request to
 * stop and a spawn that fails again are. */
bool worker_life_may(enum worker_state from, enum worker_state to);
bool worker_life_has_process(enum worker_state state);
/* Its word in the stats file; RUNNING and UNUSED have none of their own: NULL. */
const char *worker_life_word(enum worker_state state);
