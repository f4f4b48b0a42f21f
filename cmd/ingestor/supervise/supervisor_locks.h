/* SPDX-License-Identifier: MIT
 *
 * supervisor_locks - what makes a supervisor the only one of its spool folder (`spoolDir/lock`) and
 * of its stats file (`<statsFile>.lock`), and keeps it so when the files are deleted under it.
 *
 * Threads: the supervisor's only one. Errors: each is said in the log. */
#pragma once

#include "common/base/clock.h"
#include "common/config/config.h"

struct supervisor_locks {
    int spool_fd, stats_fd; /* -1 = not held */
    mono_us said_at;        /* that the spool folder could not be made again */
};

void supervisor_locks_init(struct supervisor_locks *locks);
/* Waits a second for a holder that may be dying. EXIT_LOCKED: another supervisor holds one;
 * EXIT_IO: the spool folder's can't be made (without the other it goes on). */
NODISCARD int supervisor_locks_take(struct supervisor_locks *locks, const struct config *config);
/* Once a second: makes anew what lost its name. */
void supervisor_locks_keep(struct supervisor_locks *locks, const struct config *config);
void supervisor_locks_release(struct supervisor_locks *locks);
