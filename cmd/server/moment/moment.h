/* SPDX-License-Identifier: MIT
 *
 * moment - what a renderer reads: one consistent picture of a moment, all of it in memory. No
 * renderer waits for a file or a database.
 *
 * An answer made from a moment is true until an input changes (moments_generation), its second is
 * over, or the time at which the ingestor's sample becomes stale, whichever is first
 * (moment_good_until). The last is a matter of the clock alone: a stale sample is never served as
 * fresh, even when the file's bytes do not change.
 * Threads: moments_* from any; a moment belongs to one. Lock ranks: those of stats_cache and
 * health_watch, one at a time. Ownership: what a moment points to is borrowed until moment_end.
 * Cost: two copies and a reference; the health's rules run when a renderer first asks for them. */
#pragma once

#include "cmd/server/http/http_counts.h"
#include "cmd/server/http/route.h"
#include "cmd/server/state/db_poller.h"
#include "cmd/server/state/health_watch.h"
#include "cmd/server/state/integrity.h"
#include "cmd/server/state/io_rates.h"
#include "cmd/server/state/own_process.h"
#include "cmd/server/state/stats_cache.h"

struct backups;
struct cache;
struct config;
struct ops;
struct traffic;

/* Where moments come from. */
struct moments {
    /* constant after init; borrowed */
    struct stats_cache *stats;
    struct db_poller *db;
    struct integrity *integrity; /* NULL = the store is in shards */
    struct io_rates *io;
    struct health_watch *health;
    const struct http_counts *http;
    struct traffic *traffic;
    struct cache *cache;
    struct own_process *process;
    const struct config *started_with;
    struct ops *ops; /* these two set by main, before anybody asks */
    struct backups *backups;
    /* Of a store in shards; both NULL where there is none such. */
    struct shared_slot *ingestors; /* struct ingestors */
    const struct config_list *expected_ingestors;
    const struct route_family *families; /* the route table, for who tells of it */
    size_t family_count;
    /* atomic */
    _Atomic bool is_draining;
};

struct moment {
    struct moments *from;
    const struct stats_view *stats;
    struct db_state db;
    struct procio_rates io;
    const struct ingestors *ingestors; /* NULL = none read */
    bool is_draining;
    wall_us wall;
    mono_us mono;
    wall_us sample_now; /* the ingestor's wall clock (stats_now), for the ages of its stamps */
    const struct health_report *health; /* read it through moment_health */
};

/* Grows when an input changes, and never falls. */
uint64_t moments_generation(const struct moments *moments);

void moment_begin(struct moments *moments, struct moment *out);
void moment_end(struct moment *moment);
mono_us moment_good_until(const struct moment *moment);

/* NULL when there is no usable statistics file. */
const struct stats_snapshot *moment_snapshot(const struct moment *moment);
/* Is there a sample of the ingestor that may be believed now? */
bool moment_is_sample_fresh(const struct moment *moment);
/* The same of one of its stamps. */
bool moment_is_fresh(const struct moment *moment, wall_us stamp);
/* Is what it says of processes and connections still so? Fresh, or the last word of one that has
 * ended in order. */
bool moment_is_sample_true(const struct moment *moment);
/* Judged at the first call; NULL = no memory. */
const struct health_report *moment_health(struct moment *moment);
