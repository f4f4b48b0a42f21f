/* SPDX-License-Identifier: MIT
 *
 * process - what every worker does to itself after fork, before its own work: who may signal it,
 * whose death it follows, what it inherits, which file it must own alone.
 *
 * I1. A worker ignores INT, HUP, TERM and PIPE: Ctrl-C and systemd signal the whole group at once,
 *     and a worker that obeyed would end before the drain. It obeys its slot's stop word only.
 * I2. A worker never outlives its supervisor (PR_SET_PDEATHSIG, then getppid compared, because
 *     the parent may have died between fork and prctl). No setuid anywhere: it would clear the
 *     death signal.
 * I3. A worker inherits stdin and stderr and nothing else. A lock taken before fork would stay
 *     held by any sibling, a signalfd or listening socket would outlive its owner. Its stdout is
 *     its stderr: what a library prints there (paho's trace) waits for nobody either (log_relay).
 * I4. A lock is a flock on a file that the worker opens itself; the kernel drops it when
 *     the worker dies.
 *
 * Threads: call all of it from the worker's only thread. Errors: a worker that can't be set up has
 * no caller to report to; it logs one line and ends with the exit code said below. */
#pragma once

#include "cmd/ingestor/shared/control_block.h"

/* A killed predecessor may still be dying (state D); then exit 75, which the supervisor
 * does not charge. */
#define WORKER_LOCK_WAIT_US ((mono_us)10 * US_PER_S)

/* First call in a worker. `name` is what ps and top show (15 bytes, longer is cut). Never fails;
 * ends the process (exit 70) when the supervisor is dead already. */
void worker_process_init(const struct control_block *cb, const char *name);

/* Lock `path` for this process's life: made if missing (0640), our pid written into it for people
 * to read. Waits WORKER_LOCK_WAIT_US, beating in PHASE_LOCK while another
 * process holds it, whose pid the slot then shows. Returns the descriptor (owned by the
 * process, never closed by hand). Ends the process: 75 held by another, 74 the file can't be made,
 * 0 told to stop. */
int worker_lock(const char *path, struct worker_slot *slot);

/* The same, for who can go on without: -1 (errno) when the file can't be made or locked. */
int worker_lock_if_made(const char *path, struct worker_slot *slot);

/* Address space may grow by `more_bytes` from here. Relative to what is mapped now, so that it also
 * holds under a sanitizer, which maps terabytes. Failing to limit is logged and harmless. */
void worker_limit_memory(uint64_t more_bytes);

/* End with `code`; runs no atexit handler, because those belong to the supervisor's image.
 * EXIT_CLEAN publishes PHASE_DONE; any other code leaves the phase as it is, so that the supervisor
 * can see what the worker ended in (the end of a QoS 1 wait is not charged; the next life begins
 * when there is room again). May be called from any thread of the worker. */
NORETURN void worker_exit(struct worker_slot *slot, enum exit_code code);
