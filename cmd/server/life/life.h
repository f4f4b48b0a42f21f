/* SPDX-License-Identifier: MIT
 *
 * life - the server's process as its operator sees it: TERM and INT end it, HUP reloads the
 * configuration, PIPE and others are ignored; systemd is told that it is ready, that it is alive,
 * in one sentence how it is, and that it stops.
 *
 * Its watchdog is fed only while the threads that serve go round (`has_turned`): what a request can
 * no longer get through is started anew. A disk or a database that can't be read is no reason.
 * I1. Signals are blocked in all threads and read in this one; but for ABRT, by which systemd's
 *     watchdog ends who does not turn, and which must not wait for anybody.
 * I2. A second TERM or INT (SECOND_SIGNAL_MS after the first, or later) ends the process at once,
 *     and so does LIFE_EXIT_DEADLINE_S: nothing here needs to be saved.
 * Threads: main's. Ownership: what the setup names is borrowed. */
#pragma once

#include "cmd/server/life/reload.h"
#include "common/base/clock.h"
#include "common/service/notify.h"

#include <signal.h>

#define LIFE_EXIT_DEADLINE_S 5

struct life {
    /* set by the caller */
    struct reload *reload;
    bool (*has_turned)(void *context); /* since it was asked last */
    void (*describe)(void *context, char *out, size_t cap);
    void *turning, *described; /* their contexts */
    /* ours */
    sigset_t stop_signals;
    char said[NOTIFY_STATUS_MAX];
};

/* Before any other thread. */
void life_begin(struct life *life);
/* Ready: until TERM or INT came. Once a second it also looks whether the log's process is there
 * (log_relay). */
void life_wait_for_stop(struct life *life);
/* True = the second signal came. */
bool life_wait_for_drain(const struct life *life);
/* From here on a second signal, and the deadline, end the process at once. */
void life_arm_exit(const struct life *life);
