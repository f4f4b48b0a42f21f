/* SPDX-License-Identifier: MIT
 *
 * store_internal - what the store's files share. Only store*.c includes it.
 *
 *   store.c           open, transactions, savepoints, checkpoint
 *   store_packet.c    transmissions, observations        store_node.c    nodes
 *   store_observer.c  observers, sources                 store_status.c  metrics, seen messages
 *   store_batch.c     what a record and a batch gather; their writing at commit; meta
 *   store_ring.c      ring cursors, outcomes, closed chains, dead letters
 *
 * A record's effects on memory (caches, presence, counts) wait in struct store_record until its savepoint
 * is released, so a rolled-back record leaves no trace; all of memory is dropped with the transaction. */
#pragma once

#include "cmd/ingestor/hash_cache.h"
#include "cmd/ingestor/presence.h"
#include "cmd/ingestor/store.h"
#include "common/db.h"

/* Bounds of what the store keeps in memory, about 7 MB together. */
/* Several seconds of new transmissions at the highest rate; 3 MB. */
#define STORE_HASHES 131072
/* 1.2 MB. When it is full it is emptied: cheaper than choosing, and it refills in a second. */
#define STORE_OBSERVERS 4096
/* 65 sources have rings at one time; the rest is for those that a reload has removed. */
#define STORE_SOURCES 128
/* What was saved last of each ring; the oldest is recycled. */
#define STORE_RINGS 256
/* Entries of one presence table; the three take 2 MB; more are written before the commit. */
#define STORE_TOUCHED 16384
/* Of seen_messages the newest so many stay, whatever their age. */
#define STORE_SEEN_MESSAGES 100000
#define STORE_SEEN_MS       (10 * 60 * INT64_C(1000))
#define STORE_DEAD_LETTERS  1000
#define STORE_IDENTITY_MAX  ENVELOPE_TEXT_MAX

enum store_sql {
    /* store.c */
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVEPOINT,
    SQL_RELEASE,
    SQL_ROLLBACK_TO,
    /* store_packet.c */
    SQL_TRANSMISSION_FIND,
    SQL_TRANSMISSION_INSERT,
    SQL_OBSERVATION_INSERT,
    SQL_OBSERVATION_FILL,
    /* store_node.c */
    SQL_NODE_UPSERT,
    SQL_NODE_FIND,
    /* store_observer.c */
    SQL_OBSERVER_FIND,
    SQL_OBSERVER_INSERT,
    SQL_OBSERVER_RENAME,
    SQL_SOURCE_FIND,
    SQL_SOURCE_INSERT,
    /* store_status.c */
    SQL_METRICS_INSERT,
    SQL_METRICS_FIND,
    SQL_METRICS_GIVE_WAY,
    SQL_SEEN_FIND,
    SQL_SEEN_INSERT,
    SQL_SEEN_PRUNE,
    SQL_STATUS_TIME,
    SQL_STATUS_UPDATE,
    /* store_batch.c */
    SQL_TOUCH_OBSERVER,
    SQL_TOUCH_TRANSMISSION,
    SQL_TOUCH_NODE,
    SQL_META_UPDATE,
    /* store_ring.c */
    SQL_CURSOR_LOAD,
    SQL_CURSOR_SAVE,
    SQL_OUTCOMES_LOAD,
    SQL_OUTCOME_SAVE,
    SQL_CHAIN_TOTALS,
    SQL_CHAIN_OUTCOMES,
    SQL_CLOSE_CHAIN,
    SQL_CLOSE_OUTCOME,
    SQL_CLOSED_LIST,
    SQL_CLOSED_OUTCOMES,
    SQL_DEAD_INSERT,
    SQL_DEAD_PRUNE,
    SQL_COUNT
};

struct store_sql_text {
    enum store_sql id;
    const char *text;
};

/* An observer as the cache knows it. */
struct store_observer {
    int64_t id;                   /* 0 = none */
    char key[STORE_IDENTITY_MAX]; /* identity in lower case (ASCII), as NOCASE compares */
    char name[STORE_IDENTITY_MAX];
    char iata[16];
};

struct store_source {
    int64_t id;
    char name[65];
};

struct store_ring_baseline {
    uint8_t uuid[RING_UUID_BYTES];
    bool is_used;
    uint64_t outcomes[OUTCOME_COUNT];
};

struct store_counts {
    int64_t transmissions, observations, observers, nodes;
};

/* What one record did to memory; merged by store_release. An id of 0 = nothing. */
struct store_record {
    struct presence_row observer, transmission, node;
    struct hash_cache_entry hash;
    struct store_counts counts;
    bool has_observer, has_source;
    struct store_observer new_observer;
    struct store_source new_source;
};

struct observer_cache;

struct store {
    /* constant after open */
    sqlite3 *db;
    sqlite3_stmt *stmts[SQL_COUNT];
    /* from the database: dropped by store_forget */
    struct hash_cache *hashes;
    struct observer_cache *observers;
    struct store_source sources[STORE_SOURCES];
    size_t source_count;
    struct store_ring_baseline rings[STORE_RINGS];
    size_t next_ring;
    /* of the open transaction: dropped by store_forget */
    struct presence touched_observers, touched_transmissions, touched_nodes;
    struct store_counts counts;
    struct store_record record;
    /* of the connection */
    bool is_full_sync;
    int64_t wal_pages;
    char error[256];
};

/* --- store.c: every statement goes through these ------------------------------------------------------- */

NODISCARD enum status store_prepare(struct store *store, const struct store_sql_text *texts,
                                    size_t count, struct err *err);
/* Keeps SQLite's text for store_error and translates the code. */
enum status store_fail(struct store *store, int rc);
/* Run a statement that yields no row. Resets it and clears its bindings whatever happens. */
NODISCARD enum status store_run(struct store *store, enum store_sql sql);
/* Run a statement that yields at most one row. STATUS_OK: there is one, read it, then call store_done.
 * STATUS_NOT_FOUND and errors: done already. */
NODISCARD enum status store_row(struct store *store, enum store_sql sql);
void store_done(struct store *store, enum store_sql sql);

/* Binding can fail only by a wrong index, which is a bug found by the first test, or for want of memory,
 * which static values do not need. */
void bind_int(struct store *store, enum store_sql sql, int at, int64_t value);
void bind_real(struct store *store, enum store_sql sql, int at, double value); /* NaN = NULL */
void bind_blob(struct store *store, enum store_sql sql, int at, const void *bytes, size_t len);
void bind_text(struct store *store, enum store_sql sql, int at, const char *text); /* borrowed */
void bind_null(struct store *store, enum store_sql sql, int at);

/* Valid UTF-8 without control characters (C0 and DEL); returns the length. */
size_t store_clean_text(char *dst, size_t cap, const uint8_t *src, size_t len);

/* --- store_observer.c ---------------------------------------------------------------------------------- */

NODISCARD struct observer_cache *observer_cache_new(void);
void observer_cache_free(struct observer_cache *cache);
void observer_cache_clear(struct observer_cache *cache);
void observer_cache_put(struct observer_cache *cache, const struct store_observer *observer);

/* The observer's id; a new one gets its row now. Name and region follow the envelope when they are given
 * and `may_rename`. out->observer_upserted says whether anything was written. */
NODISCARD enum status store_observer_resolve(struct store *store, const struct envelope *envelope,
                                             int64_t receipt_ms, bool may_rename, int64_t *out_id,
                                             struct store_result *out);
NODISCARD enum status store_source_resolve(struct store *store, const char *name, int64_t *out_id);

/* --- store_node.c -------------------------------------------------------------------------------------- */

/* The advert's signature has been verified. is_alive = heard from the node itself, not handed on. */
NODISCARD enum status store_node_upsert(struct store *store, const struct meshcore_advert *advert,
                                        int64_t receipt_ms, bool is_alive, int64_t *out_id);

/* --- store_batch.c ------------------------------------------------------------------------------------- */

void store_record_clear(struct store_record *record);
NODISCARD enum status store_batch_make_room(struct store *store);
/* Room is certain after store_batch_make_room. */
void store_batch_merge(struct store *store);
NODISCARD enum status store_batch_write(struct store *store);
void store_batch_clear(struct store *store);

/* --- each file's statements ---------------------------------------------------------------------------- */

NODISCARD enum status store_packet_prepare(struct store *store, struct err *err);
NODISCARD enum status store_node_prepare(struct store *store, struct err *err);
NODISCARD enum status store_observer_prepare(struct store *store, struct err *err);
NODISCARD enum status store_status_prepare(struct store *store, struct err *err);
NODISCARD enum status store_batch_prepare(struct store *store, struct err *err);
NODISCARD enum status store_ring_prepare(struct store *store, struct err *err);
