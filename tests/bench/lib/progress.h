/* SPDX-License-Identifier: MIT
 *
 * progress - asks a database, read-only, how many messages its writer is done with.
 * Threads: one. Errors: a message on stderr and false or UINT64_MAX. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#include <sqlite3.h>

struct progress {
    sqlite3 *db;
    sqlite3_stmt *stmt;
    uint64_t base; /* what it was when this run began */
};

/* sql yields one integer. */
NODISCARD bool progress_open(struct progress *progress, const char *db_path, const char *sql);
void progress_close(struct progress *progress);
/* Since open; UINT64_MAX on an error. Fits publisher_params.done. */
uint64_t progress_done(void *progress);
/* Wait until `count` are done; returns the time it was seen, or 0 after `timeout_us`
 * without any advance. */
mono_us progress_wait(struct progress *progress, uint64_t count, mono_us timeout_us);
