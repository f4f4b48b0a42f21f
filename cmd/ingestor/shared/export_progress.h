/* SPDX-License-Identifier: MIT
 *
 * export_progress - how much of a database `--store-export` has sent, and of how much: a line in
 * the file of its state, for whoever watches the ingestor beside it.
 *
 * The state (cluster/export_state) is replaced as a whole behind every slice, so what is read here
 * is of one moment; its time is when that was. A file without the line, or cut, says nothing.
 * Threads: any. Errors: false = not known. */
#pragma once

#include "common/base/base.h"

/* rows, all */
#define EXPORT_PROGRESS_FORMAT  "sent %" PRIu64 " of %" PRIu64 "\n"
#define EXPORT_PROGRESS_PATTERN "sent %" SCNu64 " of %" SCNu64
#define EXPORT_STATE_MAX        4096 /* bytes of the file */
#define EXPORT_STATE_SUFFIX     ".store-export"

struct export_progress {
    int64_t rows, total, unix_s;
};

/* path: of the state. Its bytes with an end, and when it was written. STATUS_NOT_FOUND; IO. */
NODISCARD enum status export_state_text(const char *path, char out[static EXPORT_STATE_MAX],
                                        int64_t *out_unix_s);
/* path: of the database; the state lies beside it. */
NODISCARD bool export_progress_read(const char *path, struct export_progress *out);
