/* SPDX-License-Identifier: MIT
 *
 * lock_file - the files whose flock says that a process is at work (supervisor, receiver, flusher,
 * tool), and which hold its pid for whoever is turned away. The kernel lets go of the lock when
 * the process ends, however it ends; the file stays. How long to wait for it is the caller's. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define LOCK_FILE_PID 16 /* room for a pid as text */

/* Between kill -9 of a process and the end of its locks lies a moment, also for whoever saw it end
 * (a child that it was about to start holds them, too). */
#define LOCK_FILE_DYING_US ((mono_us)US_PER_S)
#define LOCK_FILE_RETRY_MS 20

/* One try, without waiting. *fd: -1, or what the last try has opened; the caller closes it, which
 * releases the lock. The file is made if need be; a symbolic link is refused. STATUS_BUSY: somebody
 * holds it, or it lost its name meanwhile (a lock that nobody else finds protects nothing);
 * STATUS_IO: errno, *fd is -1. */
NODISCARD enum status lock_file_try(const char *path, int *fd);
/* The same, again and again for LOCK_FILE_DYING_US. */
NODISCARD enum status lock_file_take(const char *path, int *fd);
/* The same, with our pid in it. EXIT_LOCKED: held; by whom is logged with the text `held`, which
 * says what to do. EXIT_IO: errno, and nothing is logged. */
NODISCARD enum exit_code lock_file_hold(const char *path, const char *component, const char *held,
                                        int *fd);
/* False when the name leads elsewhere by now. */
bool lock_file_is_named(int fd, const char *path);
/* The pid of its last holder; "" = unknown. */
void lock_file_read_pid(int fd, char out[static LOCK_FILE_PID]);
/* Ours. False: errno; the lock holds all the same. */
NODISCARD bool lock_file_write_pid(int fd);
