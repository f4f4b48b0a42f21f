/* SPDX-License-Identifier: MIT
 *
 * log_relay - a process between our stderr and who reads it, so that a log line never waits: when a
 * pipe is full, a terminal stopped (Ctrl-S) or journald stuck, lines are lost and counted, and the
 * program goes on.
 *
 * log_relay_start replaces descriptor 2 by the non-blocking end of a pipe of ours; a child copies
 * from there to what stderr was, and may wait as long as it likes. Of what a full pipe refused it
 * says "N log lines lost" as soon as it can write again.
 *
 * Why a process. O_NONBLOCK on the stderr we are given would be set for all who share it (the
 * shell, the terminal). A descriptor of our own (/proc/self/fd/2 opened anew) is refused where it
 * belongs to somebody else (sudo, a service's pipe) and is impossible for a socket. poll before
 * write still blocks on a terminal that has room for half a line, or where another process was
 * faster. A terminal that takes half a line cuts it. All of this is the relay's alone: one writer,
 * which waits and writes on. And descriptor 2 itself is the pipe, so what a library prints there
 * waits for nobody either. (PostgreSQL's syslogger is built so, but makes the others wait.)
 *
 * I1. A line enters the pipe whole or not at all: it is shorter than PIPE_BUF.
 * I2. The relay ignores INT, HUP, TERM, PIPE and TTOU, ends when all writers are gone and what they
 *     wrote is out, and at the latest LOG_RELAY_LINGER_S after its parent.
 * I3. kill -9 of it costs at most what it held: the parent keeps the pipe and starts it again.
 *
 * A file has no reader to wait for: there descriptor 2 stays as it is and there is no process.
 * Threads: main only, which lives as long as the process (its death is the relay's signal). */
#pragma once

#include "common/base/base.h"

#include <sys/types.h>

#define LOG_RELAY_LINGER_S 1

/* Behind log_init, before any fork whose child is to write into the pipe. False: it can't be made;
 * lines are written as before, and may wait. Ends by itself (atexit): what is in the pipe is given
 * LOG_RELAY_LINGER_S to go out. */
NODISCARD bool log_relay_start(void);
/* About once a second: starts it again when it was killed. */
void log_relay_look(void);
/* For a parent that reaps all its children: was it this one? */
bool log_relay_was(pid_t pid);
/* Is what stderr was a terminal? */
bool log_relay_is_terminal(void);
