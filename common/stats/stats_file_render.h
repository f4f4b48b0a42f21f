/* SPDX-License-Identifier: MIT
 *
 * stats_file_render - a snapshot as the stats file's text. stats_file_parse reads all of it back; a
 * round-trip test holds the two together. Pure. Threads: any. */
#pragma once

#include "common/stats/stats_snapshot.h"

/* free() it. NULL = no memory, or more than STATS_FILE_MAX, which no reader would take. */
NODISCARD char *stats_file_render(const struct stats_snapshot *snapshot);
