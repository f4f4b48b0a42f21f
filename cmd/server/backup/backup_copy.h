/* SPDX-License-Identifier: MIT
 *
 * backup_copy - a copy of the database as one read transaction sees it, beside a writer that goes
 * on, and checked before it gets its name.
 *
 * The source stays pinned from the first page to the last: else SQLite begins anew at each commit
 * of the writer, and ends only when that does. Meanwhile the writer's log (-wal) grows, so the copy
 * is made as fast as the disk allows.
 * I1. `to` stands there whole, checked and synced, or not at all; until then it is `<to>.part`,
 *     which only a kill leaves behind (backup_copy_clean).
 * I2. Nothing is overwritten: `to` and its part must not exist.
 * I3. It begins only where the disk has room (room_percent of the database).
 * The check: quick_check looks at every page and cell, which is what a copy can have spoilt.
 * is_deep: integrity_check, which also holds every index to its table and so the database itself to
 * account, for seven times the time (3 million observations, 443 MB: 1.4 and 9.9 s of one core;
 * more cache changes nothing).
 * Threads: the caller's; go_on is called in it, every few milliseconds. Errors: AGAIN = go_on ended
 * it; INVALID = something stands there; NO_SPACE; CORRUPT = the check failed: *err has its first
 * line; NOT_FOUND, BUSY, IO. Cost: that
 * of reading and writing the file, and of the check; 4 MB of memory. */
#pragma once

#include "common/base/err.h"

#include <limits.h>

struct backup_params {
    const char *from, *to;
    unsigned room_percent; /* free space that is wanted, of the database's size */
    bool is_deep;
    /* percent of both, copy and check. False = stop. */
    bool (*go_on)(void *context, unsigned percent);
    void *context;
};

NODISCARD enum status backup_copy(const struct backup_params *params, int64_t *out_bytes,
                                  struct err *err);
/* Bytes that a copy needs now; 0 = there is no database that can be read. */
int64_t backup_copy_bytes(const char *from);
/* STATUS_OK, or NO_SPACE with the figures in *err: is there room in this folder? */
NODISCARD enum status backup_copy_room(const char *folder, int64_t bytes, unsigned percent,
                                       struct err *err);
/* Deletes a copy that was begun, and what SQLite left beside it. Accepts none. */
void backup_copy_clean(const char *to);
