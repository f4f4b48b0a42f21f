/* SPDX-License-Identifier: MIT
 *
 * reserve_file - `<dbPath>.reserve`, 1 MiB that the database's disk keeps for the moment when
 * it is full.
 *
 * A checkpoint and the retention by size write before they free anything; on a full disk they
 * could not. So the file is deleted when a commit fails for want of space, and made again when
 * there is room. Best effort: without it a full disk is only harder to leave. Threads: the
 * flusher's main one. */
#pragma once

#include "common/base/base.h"

#define RESERVE_FILE_BYTES (1 << 20)
/* Not made when less than this would be left beside it. */
#define RESERVE_FILE_ROOM (1 << 20)

/* True: it is there, in full. */
bool reserve_file_make(const char *db_path);
/* True: it was there and is deleted. */
bool reserve_file_release(const char *db_path);
