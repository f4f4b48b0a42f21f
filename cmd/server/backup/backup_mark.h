/* SPDX-License-Identifier: MIT
 *
 * backup_mark - when the last backup was taken: a line in stateDir, so that it is known after a
 * restart, and that the server knows of what `--backup` made.
 *
 * Only of a copy that somebody has: one that was made and never fetched is none. Copies by other
 * programs are not known here.
 * I1. The file is the whole old line or the whole new one.
 * Threads: any; two at once: the last one stays. Errors: as file_replace. Cost: a small
 * file. */
#pragma once

#include "common/base/base.h"
#include "common/base/err.h"

struct backup_mark {
    int64_t at_unix; /* the moment that it shows; 0 = none is known */
    int64_t bytes;
};

NODISCARD enum status backup_mark_write(const char *state_dir, const struct backup_mark *mark,
                                        struct err *err);
/* at_unix 0 where there is none, or no line of ours. */
void backup_mark_read(const char *state_dir, struct backup_mark *out);
