/* SPDX-License-Identifier: MIT
 *
 * watcher - the thread that once a second looks at the stats file and at this process's own disk
 * counters, and then calls who wants to know: the health is judged also when nobody asks, so that
 * the time of a change is true. It may hang on a hung disk; then the last sample grows old, and the
 * answers say so by themselves.
 * Stop: at most one turn. */
#pragma once

#include "cmd/server/state/io_rates.h"
#include "cmd/server/state/stats_cache.h"

struct watcher;

/* All borrowed until watcher_stop; on_second is called in the watcher's thread. NULL = no memory
 * or no thread. */
NODISCARD struct watcher *watcher_start(struct stats_cache *stats, struct io_rates *io,
                                        void (*on_second)(void *arg), void *arg);
void watcher_stop(struct watcher *watcher);
