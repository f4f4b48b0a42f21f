/* SPDX-License-Identifier: MIT
 *
 * watcher - the thread that once a second looks at the stats file and at this process's own disk counters,
 * and judges the health so that the time of a change is known although nobody asked.
 * It may hang on a hung disk; then the last sample grows old, and the answers say so by themselves.
 * Stop: at most one turn. */
#pragma once

#include "cmd/server/cache/answers.h"

struct watcher;

/* All borrowed until watcher_stop. NULL = no memory or no thread. */
NODISCARD struct watcher *watcher_start(struct stats_cache *stats, struct io_rates *io,
                                        struct answers *answers);
void watcher_stop(struct watcher *watcher);
