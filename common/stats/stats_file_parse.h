/* SPDX-License-Identifier: MIT
 *
 * stats_file_parse - the stats file's text back into a snapshot, whoever wrote it: this program of
 * any age, or CoreScope's.
 *
 * I1: what comes out is safe to show: valid UTF-8, tables within their bounds (more rows are left
 * out), passwords in `broker` and `last_error` masked. Pure. Threads: any. Cost: one cJSON tree of
 * at most STATS_FILE_MAX. */
#pragma once

#include "common/stats/stats_snapshot.h"

/* STATUS_CORRUPT: not one JSON object, too large or too deep; *out is untouched. Else every field
 * is set, to unknown where the key is absent or has a wrong type. text need not be
 * NUL-terminated. */
NODISCARD enum status stats_file_parse(const char *text, size_t len, struct stats_snapshot *out);
