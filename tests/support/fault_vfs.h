/* SPDX-License-Identifier: MIT
 *
 * fault_vfs - a SQLite VFS over the system's own that fails the N-th operation that changes the
 * disk (write, sync, truncate, and the WAL-index's growth). Registered as the default, so the code
 * under test opens its database as always. One process-wide fault plan; single-threaded. */
#pragma once

#include "common/base/base.h"

NODISCARD bool fault_vfs_install(void);
/* The nth operation from now (1 = the next) fails with `sqlite_rc`, and so do the `length - 1`
 * after it. nth 0 = never. */
void fault_vfs_arm(uint64_t nth, uint64_t length, int sqlite_rc);
/* Operations since the last arm; how many of them failed. */
uint64_t fault_vfs_operations(void);
uint64_t fault_vfs_fired(void);
