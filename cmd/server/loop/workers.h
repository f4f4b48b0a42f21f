/* SPDX-License-Identifier: MIT
 *
 * workers - the few threads in which routes that wait (for a socket, a database) are answered, so
 * that no loop waits with them.
 *
 * I1. At most `waiting_max` jobs wait; one more is refused, and the client is told to come back.
 * I2. Jobs begin in the order in which they came.
 * Threads: submit from any; stop by the owner, once nobody submits. Lock: one, a leaf. Errors: as
 * many threads as there are will do, but one must start. Ownership: a job is its submitter's, who
 * keeps it until it has run; jobs that wait when the pool stops never run. */
#pragma once

#include "common/base/base.h"

struct work {
    struct work *next;
    void (*run)(struct work *work);
};

struct workers;

/* NULL = no memory, or no thread. All signals are blocked in the threads (inherited). */
NODISCARD struct workers *workers_start(size_t threads, size_t waiting_max);
/* False = too many wait. */
NODISCARD bool workers_submit(struct workers *workers, struct work *work);
/* Waits for the jobs that run. Accepts NULL. */
void workers_stop(struct workers *workers);
