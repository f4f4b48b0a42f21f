/* SPDX-License-Identifier: MIT
 *
 * stats_cache - the ingestor's stats file, parsed once when it has changed, however many ask.
 *
 * I1. stats_cache_refresh is the only function that touches the file; it does so at most once per
 *     STATS_CACHE_TTL_US, and parses only when (inode, mtime in ns, size) differ from the last
 *     time. All three come from fstat on the descriptor that is then read, so that a rename in
 *     between can't pair one file's stamp with the other's bytes.
 * I2. A missing or malformed file is an answer like any other and cached as long
 *     (negative caching).
 * I3. A view never changes after it was published: take, read without a lock, release.
 * Staleness is not judged here: unchanged bytes grow old, so whoever answers judges with the clock.
 * Threads: refresh from any thread (a second caller returns at once); take and release from any
 * thread, they never wait for a file. Ownership: a view is borrowed until it is released. */
#pragma once

#include "common/stats/stats_snapshot.h"

#define STATS_CACHE_TTL_US (250 * US_PER_MS) /* half the watcher's period */

struct stats_view {
    enum status status; /* OK; AGAIN (not read yet), NOT_FOUND, CORRUPT, TOO_LARGE, IO: no more */
    struct stats_snapshot snapshot;
    bool has_rates; /* the ingestor's disk rates: its own, else from two samples of one life */
    struct procio_rates rates;
};

struct stats_cache;

/* NULL = no memory. Until the first refresh the view's status is STATUS_AGAIN.
 * path is copied. */
NODISCARD struct stats_cache *stats_cache_new(const char *path);
void stats_cache_free(struct stats_cache *cache);

void stats_cache_refresh(struct stats_cache *cache);
const struct stats_view *stats_cache_take(struct stats_cache *cache);
void stats_cache_release(struct stats_cache *cache, const struct stats_view *view);

/* Grows with each view that differs from the one before it. */
uint64_t stats_cache_generation(const struct stats_cache *cache);
/* How often the file was parsed: for tests and metrics. */
uint64_t stats_cache_parses(const struct stats_cache *cache);
