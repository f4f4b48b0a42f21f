/* SPDX-License-Identifier: MIT
 *
 * db_poller - the one thread that asks the database how it is; everybody else reads what
 * it last saw.
 *
 * Why: a probe must never wait for a database (promise P4). Every statement here is bounded: totals
 * come from `meta`, never COUNT(*); "in the last hour" is a binary search over ids; what could scan
 * is cut off after DB_POLLER_QUERY_US and then left out, because a wrong figure is worse than none.
 * The connection is read-only and is opened again when one of its files was replaced, so the
 * server may start before the database exists and outlive any number of them.
 * Threads: db_poller_state from any thread; it waits for a copy in memory at most, never for the
 * database. Stop: the progress handler and a condition; at most one busy timeout (250 ms). */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define DB_POLLER_PERIOD_US (1 * US_PER_S)
#define DB_POLLER_QUERY_US  (50 * US_PER_MS)
#define DB_UNKNOWN          INT64_MIN

struct db_state {
    int64_t polled_mono; /* last time everything could be read; 0 = never */
    int64_t polled_unix;
    int64_t last_status;    /* enum status of the last attempt */
    int64_t schema_version; /* of the file; 0 = none seen */
    /* totals from `meta`; 0 before there is one */
    int64_t transmissions, observations, observers, nodes, commits;
    /* DB_UNKNOWN when not asked yet or too dear */
    int64_t observations_hour, observations_day;
    int64_t nodes_week, repeaters, rooms, companions, sensors;
    /* the file */
    int64_t page_size, page_count, freelist_count, cache_size, cache_hits, cache_misses, wal_bytes;
};

struct db_poller;

/* Starts the thread. NULL = no memory or no thread. path is copied. */
NODISCARD struct db_poller *db_poller_start(const char *path);
void db_poller_stop(struct db_poller *poller);
/* The last good copy; all zero before the first poll. */
void db_poller_state(struct db_poller *poller, struct db_state *out);
/* Grows when something but polled_mono changed. */
uint64_t db_poller_generation(const struct db_poller *poller);
