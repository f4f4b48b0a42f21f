/* SPDX-License-Identifier: MIT
 *
 * notify - sd_notify(3) without its library: one datagram to the socket systemd names in
 * NOTIFY_SOCKET. Without that variable every call does nothing. Never blocks. Single-threaded. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

/* Reads and removes NOTIFY_SOCKET and WATCHDOG_USEC from the environment, so that no child
 * inherits them. */
void notify_init(void);
/* `state` is newline-separated assignments: "READY=1\nSTATUS=...". */
void notify_send(const char *state);
/* Half of WatchdogSec, 0 when systemd does not watch us. */
mono_us notify_watchdog_interval_us(void);
