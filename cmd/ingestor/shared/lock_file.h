/* SPDX-License-Identifier: MIT
 *
 * lock_file - the files whose flock says that a process is at work (supervisor, receiver, flusher,
 * tool), and which hold its pid for whoever is turned away. The kernel lets go of the lock when
 * the process ends, however it ends; the file stays. Taking the lock is the caller's: some wait,
 * some do not. */
#pragma once

#include "common/base/base.h"

#define LOCK_FILE_PID 16 /* room for a pid as text */

/* Made if need be; a symbolic link is refused. The caller closes it, which releases its
 * lock. -1: errno. */
NODISCARD int lock_file_open(const char *path);
/* False when the name leads elsewhere: a lock on a name that nobody else finds protects nothing. */
bool lock_file_is_named(int fd, const char *path);
/* The pid of its last holder; "" = unknown. */
void lock_file_read_pid(int fd, char out[static LOCK_FILE_PID]);
/* Ours. False: errno; the lock holds all the same. */
NODISCARD bool lock_file_write_pid(int fd);
