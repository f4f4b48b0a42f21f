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
 * I1: a figure that was not read is DB_UNKNOWN, never 0. I2: what one poll reads is of one
 * transaction; the figures of db_look belong together.
 * Threads: db_poller_state from any thread; it waits for a copy in memory at most, never for the
 * database. Stop: the progress handler and a condition; at most one busy timeout (250 ms). */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/base/err.h"

#define DB_POLLER_PERIOD_US (1 * US_PER_S)
#define DB_POLLER_QUERY_US  (50 * US_PER_MS)
/* A look takes at most a hundredth of the time, but comes at least so often. */
#define DB_POLLER_LOOK_MAX_US (10 * US_PER_S)
#define DB_UNKNOWN            INT64_MIN

/* Totals, and what is too dear for every second, by one look: no figure is of another
 * moment than the one beside it. */
struct db_look {
    int64_t transmissions, observations, observers, nodes;
    /* DB_UNKNOWN also when too dear */
    int64_t observations_hour, observations_day;
    int64_t nodes_week, repeaters, rooms, companions, sensors;
    int64_t oldest_unix; /* the hour of the oldest reception; DB_UNKNOWN also when there is none */
};

struct db_state {
    int64_t polled_mono;    /* last time everything could be read; 0 = never */
    int64_t polled_unix;    /* DB_UNKNOWN = never */
    int64_t last_status;    /* enum status of the last attempt; OK with polled_mono 0: none yet */
    int64_t schema_version; /* of the file; 0 = none seen */
    /* Of a store in shards: those that don't answer, a bit each, and since when
     * (mono); 0 = none. */
    int64_t shards_away, shards_away_since;
    int64_t losses; /* times a file of it was found replaced or deleted */
    /* totals from `meta` */
    int64_t transmissions, observations, observers, nodes, commits;
    /* the file */
    int64_t page_size, page_count, freelist_count, cache_size, cache_hits, cache_misses, wal_bytes;
    struct db_look look; /* at most DB_POLLER_LOOK_MAX_US old */
};

struct db_poller;

/* Starts the thread. NULL = no memory or no thread. path is copied. */
NODISCARD struct db_poller *db_poller_start(const char *path);
/* Another store in its place. */
typedef enum status (*db_poll)(void *context, struct db_state *state, struct err *err);
NODISCARD struct db_poller *db_poller_start_other(const char *name, db_poll poll, void *context);
void db_poller_stop(struct db_poller *poller);
/* The last good copy. */
void db_poller_state(struct db_poller *poller, struct db_state *out);
/* Of the database file; DB_UNKNOWN = not known. */
int64_t db_state_bytes(const struct db_state *state);
/* The share of look-ups that SQLite's cache answered; NaN = not asked, or nothing was looked up. */
double db_state_hit_rate(const struct db_state *state);
/* Makes every figure unknown: nothing was read yet, or it is too old to be said. */
void db_state_forget(struct db_state *state);
/* Grows when something but polled_mono changed. */
uint64_t db_poller_generation(const struct db_poller *poller);
