/* SPDX-License-Identifier: MIT
 *
 * notify - sd_notify(3) without its library: one datagram to the socket systemd names in
 * NOTIFY_SOCKET. Without that variable every call does nothing. Never blocks.
 * I1. A sentence is one valid assignment, whatever it says: no control characters, nothing but
 *     UTF-8, which systemd would refuse.
 * Threads: one of the process, the same for all calls. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define NOTIFY_STATUS_MAX 256 /* bytes of a sentence; the rest is cut */

/* Reads and removes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment, so that no
 * child inherits them. Before any other thread. */
void notify_init(void);
/* False = nobody is told: a sentence need not be made. */
bool notify_is_heard(void);
/* `state` is newline-separated assignments: "READY=1\nSTATUS=...". */
void notify_send(const char *state);
/* STATUS= for people, one sentence. */
void notify_status(const char *sentence);
/* A reload begins; it ends with READY=1. */
void notify_reloading(void);
/* The end begins, and takes so long at most, whatever TimeoutStopSec says. */
void notify_stopping(const char *sentence, mono_us at_most);
/* Half of WatchdogSec, 0 when systemd does not watch us. */
mono_us notify_watchdog_interval_us(void);
