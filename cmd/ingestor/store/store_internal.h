/* SPDX-License-Identifier: MIT
 *
 * store_internal - what the store's files share. Only store*.c includes it.
 *
 *   store.c           open, transactions, savepoints, checkpoint
 *   store_packet.c    a packet as a whole; transmissions  store_observation.c  observations
 *   store_node.c      nodes                              store_drop.c    audit of refused packets
 *   store_observer.c  observers, sources                 store_status.c  statuses and metrics
 *   store_scope.c     scopes                             store_channel.c, store_message.c
 *   store_skew.c      observers' clocks                  store_seen.c    redeliveries
 *   store_limits.c    rules: how many, how long          store_companion.c, store_client.c,
 *                                                        store_neighbors.c the other kinds of message
 *   store_batch.c     what a record and a batch gather; their writing at commit; meta
 *   store_derive.c    rollups and neighbour edges        store_rebuild.c derived rows made anew
 *   store_ring.c      ring cursors, outcomes, closed chains, dead letters
 *   store_job.c       where jobs in slices are
 *   store_retention.c packets leave; vacuum, analyze     store_sweep.c   the other tables' old rows leave
 *   store_tool.c      what --import and --redecode need besides
 *
 * A record's effects on memory (caches, deltas, counts) wait in struct store_record until its savepoint
 * is released, so a rolled-back record leaves no trace; all of memory is dropped with the transaction. */
#pragma once

#include "cmd/ingestor/store/hash_cache.h"
#include "cmd/ingestor/store/store.h"
#include "cmd/ingestor/store/store_retention.h"
#include "cmd/ingestor/store/deltas.h"
#include "common/db/db.h"
#include "common/db/schema.h"

/* Bounds of what the store keeps in memory, about 16 MB together. */
/* Several seconds of new transmissions at the highest rate; 7 MB. */
#define STORE_HASHES 131072
/* 2 MB. When it is full it is written and emptied: cheaper than choosing, and it refills in a second. */
#define STORE_OBSERVERS 4096
/* 65 sources have rings at one time; the rest is for those that a reload has removed. */
#define STORE_SOURCES 128
/* What was saved last of each ring; the oldest is recycled. */
#define STORE_RINGS 256
/* Entries of one table of deltas by id; the four take 4 MB; more are written before the commit. */
#define STORE_TOUCHED 16384
/* Rows of rollups and of edges that a batch touches; 1 and 2 MB; more are written before the commit. */
#define STORE_ROLLUPS 16384
#define STORE_EDGES   32768
/* What a record can add to them: an old and a new reception and the times of a copy, an old and a new first
 * receipt. */
#define STORE_RECEPTIONS  3
#define STORE_ORIGINS     2
#define STORE_ROLLUPS_MAX (STORE_RECEPTIONS * ROLLUP_KINDS + STORE_ORIGINS * 3)
#define STORE_EDGES_MAX   (STORE_RECEPTIONS * MESHCORE_PATH_MAX)
/* Scopes and channels whose ids are known. */
#define STORE_SCOPES   64
#define STORE_CHANNELS 1024
/* Adverts from outside the area, which are remembered so that each is verified once. */
#define STORE_FOREIGN 256
/* Of dropped_packets the newest so many stay. */
#define STORE_DROPPED 10000
/* Of one observer's reported_neighbors; twice what one report can list. */
#define STORE_NEIGHBORS (2 * ENVELOPE_NEIGHBORS_MAX)
/* Of seen_messages the newest so many stay, whatever their age. */
#define STORE_SEEN_MESSAGES 100000
#define STORE_SEEN_MS       (10 * 60 * INT64_C(1000))
#define STORE_SEEN_BYTES    8 /* of SHA-256: among the messages of ten minutes */
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
    SQL_TRANSMISSION_REPLACE,
    /* store_observation.c */
    SQL_OBSERVATION_INSERT,
    SQL_OBSERVATION_FIND,
    SQL_OBSERVATION_UPDATE,
    SQL_SOURCE_IS_BEFORE,
    /* store_scope.c */
    SQL_SCOPE_FIND,
    SQL_SCOPE_INSERT,
    SQL_SCOPE_NODE,
    /* store_channel.c */
    SQL_CHANNEL_FIND,
    SQL_CHANNEL_INSERT,
    SQL_CHANNEL_OPEN,
    /* store_message.c */
    SQL_MESSAGE_INSERT,
    /* store_drop.c */
    SQL_DROP_FIND,
    SQL_DROP_INSERT,
    SQL_DROP_AGAIN,
    SQL_DROP_PRUNE,
    /* store_derive.c */
    SQL_ROLLUP_ADD,
    SQL_ROLLUP_PRUNE,
    SQL_EDGE_ADD,
    /* store_rebuild.c */
    SQL_REBUILD_TOTAL,
    SQL_REBUILD_TRANSMISSIONS,
    SQL_REBUILD_OBSERVATIONS,
    SQL_REBUILD_SCOPE,
    /* store_node.c */
    SQL_NODE_UPSERT,
    SQL_NODE_FIND,
    /* store_observer.c */
    SQL_OBSERVER_FIND,
    SQL_OBSERVER_INSERT,
    SQL_OBSERVER_RESPELL,
    SQL_OBSERVER_HEARD,
    SQL_TOUCH_OBSERVER,
    SQL_SOURCE_FIND,
    SQL_SOURCE_INSERT,
    /* store_skew.c */
    SQL_SKEW_ADD,
    SQL_SKEW_PRUNE,
    /* store_limits.c */
    SQL_TOTALS,
    /* store_seen.c */
    SQL_SEEN_FIND,
    SQL_SEEN_INSERT,
    SQL_SEEN_EARLIER,
    SQL_SEEN_PRUNE,
    /* store_status.c */
    SQL_METRICS_FIND,
    SQL_METRICS_REMOVE,
    SQL_METRICS_GIVE_WAY,
    SQL_METRICS_INSERT,
    SQL_STATUS_UPDATE,
    /* store_companion.c */
    SQL_COMPANION_INSERT,
    SQL_COMPANION_EARLIER,
    /* store_client.c */
    SQL_CLIENT_INSERT,
    SQL_CLIENT_MERGE,
    /* store_neighbors.c */
    SQL_REPORT_UPSERT,
    SQL_NEIGHBOR_UPSERT,
    SQL_NEIGHBORS_PRUNE,
    /* store_batch.c */
    SQL_TOUCH_TRANSMISSION,
    SQL_TOUCH_NODE,
    SQL_TOUCH_CHANNEL,
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
    /* store_job.c */
    SQL_JOB_LOAD,
    SQL_JOB_SAVE,
    /* store_retention.c */
    SQL_EXTENT_PAGE_BYTES,
    SQL_EXTENT_PAGES,
    SQL_EXTENT_FREE,
    SQL_EXTENT_ROWS,
    SQL_RETAINED_FROM,
    SQL_PRUNE_GUARD,
    SQL_PRUNE_NEXT,
    SQL_PRUNE_OBSERVATION,
    SQL_PRUNE_EDGE,
    SQL_PRUNE_EDGE_EMPTY,
    SQL_PRUNE_MESSAGE,
    SQL_PRUNE_CHANNEL,
    SQL_PRUNE_CHANNEL_EMPTY,
    SQL_PRUNE_PARTLY,
    SQL_PRUNE_TRANSMISSION,
    SQL_VACUUM,
    SQL_ANALYZE_NEXT,
    /* store_sweep.c: two a sweep, in the order of enum store_sweep */
    SQL_SWEEP_FIRST,
    SQL_SWEEP_LAST = SQL_SWEEP_FIRST + 2 * SWEEP_COUNT - 1,
    SQL_ROLLUP_SERIES,
    SQL_ROLLUP_SWEEP,
    SQL_PURGE_NODE,
    SQL_PURGE_SENDER,
    SQL_PURGE_ROLLUPS,
    SQL_COUNT
};

struct store_sql_text {
    enum store_sql id;
    const char *text;
};

/* An observer's clock: how far off it was the last time, and what this batch must add to one hour's count. */
struct store_skew {
    int64_t ms, s; /* ms 0 = never off */
    int64_t hour, n;
};

/* An observer as the cache knows it; newer than its row until the batch is written. */
struct store_observer {
    int64_t id; /* 0 = none */
    char identity[STORE_IDENTITY_MAX];
    char name[STORE_IDENTITY_MAX];
    char iata[16];
    int64_t name_ms, iata_ms; /* how new the two are */
    struct store_skew skew;
    bool is_key; /* 64 hex digits, kept in upper case; other identities are names */
    bool is_dirty;
};

/* What a record says about an observer without changing its name: by far the most. */
struct store_said {
    size_t
        entry; /* index into the cache + 1; 0 = nothing, or the record has an observer of its own */
    int64_t name_ms, iata_ms;
};

/* New observers a minute, for the minutes seen last; a collision forgets the older count. */
#define STORE_MINUTES 64
struct store_minute {
    int64_t minute, observers;
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

/* Who heard what on which way, as far as rollups and edges look at it. Holds its own bytes, because it waits
 * for the release of the record. */
struct store_reception {
    int sign;        /* 1 = an observation row came, -1 = went; 0 = only the times of its edges */
    int64_t node_id; /* of an advert; 0 = none, or handed on by another (share contact) */
    int64_t observer_id;
    int64_t receipt_ms;
    double snr, rssi; /* NaN = unknown */
    uint8_t type, route, direction;
    uint8_t hash_size, path_bytes;
    uint8_t path[MESHCORE_PATH_MAX];
};
/* The first copy of a transmission. */
struct store_origin {
    int sign;
    int64_t node_id; /* as above */
    int64_t first_ms;
    uint8_t type;
};

struct store_scope {
    const char *name; /* borrowed from the configured regions, which live as long as the store */
    int64_t id;
};
/* name as struct channel_keys owns it; NULL = the encrypted channel of hash_byte. */
struct store_channel {
    const char *name;
    uint8_t hash_byte;
    int64_t id;
};

/* What one record did to memory; merged by store_release. An id of 0 = nothing. */
struct store_record {
    struct delta observer, transmission, node, channel;
    struct hash_cache_entry hash;
    struct store_counts counts;
    size_t reception_count, origin_count;
    struct store_reception receptions[STORE_RECEPTIONS];
    struct store_origin origins[STORE_ORIGINS];
    bool has_observer, has_source;
    struct store_said said;
    struct store_skew skew; /* n and ms are 0 = nothing */
    int64_t new_minute;     /* of the receipt of a new observer */
    struct store_observer new_observer;
    struct store_source new_source;
    struct store_scope new_scope;     /* id 0 = none */
    struct store_channel new_channel; /* id 0 = none */
};

struct observer_cache;

struct store {
    /* constant after open */
    sqlite3 *db;
    sqlite3_stmt *stmts[SQL_COUNT];
    struct store_rules rules;
    const struct channel_keys *channel_keys;
    const struct region_scopes *region_scopes;
    int (*progress)(void *context);
    void *progress_context;
    /* from the database: dropped by store_forget */
    struct hash_cache *hashes;
    struct observer_cache *observers;
    struct store_source sources[STORE_SOURCES];
    size_t source_count;
    struct store_scope scopes[STORE_SCOPES]; /* the oldest is recycled */
    size_t scope_count;
    struct store_channel channels[STORE_CHANNELS]; /* by a hash of the name's address */
    int64_t encrypted_channels[256];
    struct store_ring_baseline rings[STORE_RINGS];
    size_t next_ring;
    struct store_minute minutes[STORE_MINUTES];
    /* of the open transaction: dropped by store_forget */
    struct deltas touched_observers, touched_transmissions, touched_nodes, touched_channels;
    struct deltas rollups, edges;
    int64_t rollups_from_hour; /* while rebuilding: earlier hours stay as they are */
    struct store_counts counts;
    struct store_counts totals; /* meta as it was when has_totals was set */
    bool has_totals;
    struct store_record record;
    /* of the connection: outlives store_forget */
    int64_t derived; /* meta.derived */
    /* Content hashes of adverts that were filtered as foreign, each in the slot that its value says: no row
     * tells that their signature was verified. */
    uint64_t foreign[STORE_FOREIGN];
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
/* store_row for one number (NULL reads as 0), store_done included. */
NODISCARD enum status store_number(struct store *store, enum store_sql sql, int64_t *out);
/* The id that `find` has for this name, or that of the row which `insert` makes. */
NODISCARD enum status store_name_id(struct store *store, enum store_sql find, enum store_sql insert,
                                    const char *name, int64_t *out_id);

/* Call `progress` every ~10,000 opcodes of any statement; NULL = no more. */
void store_watch(struct store *store, int (*progress)(void *context), void *context);

/* Binding can fail only by a wrong index, which is a bug found by the first test, or for want of memory,
 * which static values do not need. */
void bind_int(struct store *store, enum store_sql sql, int at, int64_t value);
void bind_real(struct store *store, enum store_sql sql, int at, double value); /* NaN = NULL */
void bind_blob(struct store *store, enum store_sql sql, int at, const void *bytes, size_t len);
void bind_text(struct store *store, enum store_sql sql, int at, const char *text);  /* borrowed */
void bind_given(struct store *store, enum store_sql sql, int at, const char *text); /* "" = NULL */

/* NaN = NULL. */
double column_real(sqlite3_stmt *stmt, int column);
void copy_column(char *dst, size_t cap, sqlite3_stmt *stmt, int column); /* NULL = "", cut to cap */

/* --- store_observer.c ---------------------------------------------------------------------------------- */

NODISCARD struct observer_cache *observer_cache_new(void);
void observer_cache_free(struct observer_cache *cache);
void observer_cache_clear(struct observer_cache *cache);
bool observer_cache_is_full(const struct observer_cache *cache);
/* What the record says about its observer; the cache is not full. */
void observer_cache_merge(struct observer_cache *cache, const struct store_record *record);
/* The observers that the batch touched: deltas, names and skew in one statement each. */
NODISCARD enum status store_observers_write(struct store *store);

/* The spelling under which this identity would be stored alone. Returns whether it is a key. */
bool store_observer_spell(char dst[static STORE_IDENTITY_MAX], const char *identity);
/* The observer's id; a new one gets its row now. Name and region follow the envelope where they are newer:
 * as_of_ms is the receipt, or store_as_of where the message may be old. out->observer_upserted says whether
 * anything changed. out->outcome FILTERED_MAX_OBSERVERS or _NEW_OBSERVERS: nothing was written, *out_id is 0. */
NODISCARD enum status store_observer_resolve(struct store *store, const struct envelope *envelope,
                                             int64_t receipt_ms, int64_t as_of_ms, int64_t *out_id,
                                             struct store_result *out);
/* A message that is no packet came from it; is_alive = it says that the observer lives. */
NODISCARD enum status store_observer_heard(struct store *store, int64_t observer_id,
                                           int64_t receipt_ms, bool is_alive);
/* The observer that this record resolved. */
const struct store_observer *store_record_observer(const struct store *store);
NODISCARD enum status store_source_resolve(struct store *store, const char *name, int64_t *out_id);

/* --- store_node.c -------------------------------------------------------------------------------------- */

/* The sender's clock is more than a day ahead of this receipt: the advert counts as of its receipt. */
bool store_advert_is_ahead(const struct meshcore_advert *advert, int64_t receipt_ms);
/* The advert's signature has been verified. is_alive = heard from the node itself, not handed on. is_new = the
 * advert is counted. A further copy needs no second call, unless the clock was ahead at the earliest receipt
 * known so far: how new its words are depends on the receipts then. out->outcome FILTERED_MAX_NODES: nothing
 * was written, *out_id is 0. */
NODISCARD enum status store_node_upsert(struct store *store, const struct store_packet *packet,
                                        bool is_alive, bool is_new, int64_t *out_id,
                                        struct store_result *out);

/* --- store_skew.c -------------------------------------------------------------------------------------- */

/* How far off the clock is, seconds; ENVELOPE_NO_SKEW: it is right, or says nothing about itself. */
int64_t store_skew_of(const struct envelope *envelope, int64_t receipt_ms);
/* What a live message of this record's observer says about its clock; the newest word stays. */
void store_observer_note_skew(struct store *store, int64_t receipt_ms, int64_t skew_s);
/* One message more (1) or less (-1) whose clock was off, in the hour of this receipt. */
NODISCARD enum status store_observer_count_skew(struct store *store, int64_t receipt_ms, int count);
void store_skew_merge(struct store_skew *skew, const struct store_skew *news);
/* The pending count of an hour. */
NODISCARD enum status store_skew_write(struct store *store, struct store_observer *observer);

/* --- store_limits.c ------------------------------------------------------------------------------------ */

/* May one more enter? OUTCOME_NONE, or the outcome that says no. */
NODISCARD enum status store_limit_nodes(struct store *store, enum outcome *out);
NODISCARD enum status store_limit_observers(struct store *store, int64_t receipt_ms,
                                            enum outcome *out);
/* The record's new observer has come in. */
void store_limits_note(struct store *store);
void store_limits_forget(struct store *store);
/* A name as it is shown: utf8_clean, at most max_name_bytes, cut at a character. Returns the length. */
size_t store_clean_name(const struct store *store, char dst[static STORE_IDENTITY_MAX],
                        const uint8_t *src, size_t len);

/* --- store_seen.c -------------------------------------------------------------------------------------- */

enum store_seen_kind {
    SEEN_NEW,
    SEEN_LATER,   /* the same came within ten minutes, before this or at the same time */
    SEEN_EARLIER, /* ... but later: this one is the first now */
};
struct store_seen {
    enum store_seen_kind kind;
    int64_t former_ms; /* EARLIER: the receipt that counted until now */
};
NODISCARD enum status store_see(struct store *store, const uint8_t *hash, int64_t receipt_ms,
                                struct store_seen *out);
/* By topic, payload and retain flag. */
NODISCARD enum status store_see_message(struct store *store, const struct ring_message *message,
                                        int64_t receipt_ms, struct store_seen *out);
/* How new a message's words are: a live one's receipt; a retained one may be from any day, so its own time
 * (never later than the receipt), or 0 = older than anything. */
int64_t store_as_of(const struct ring_message *message, const struct envelope *envelope,
                    int64_t receipt_ms);
int64_t store_retained_as_of(const struct envelope *envelope, int64_t receipt_ms);
bool store_is_retained(const struct ring_message *message);

/* --- store_observation.c -------------------------------------------------------------------------------- */

/* What a packet's observation says beyond its frame. */
struct store_observed {
    int64_t transmission_id, observer_id, source_id;
    int64_t node_id;    /* the advert's sender, 0 = none */
    int32_t scope_code; /* STORE_NO_SCOPE = not scoped */
    int64_t scope_id;   /* 0 = no region fits */
};
#define STORE_NO_SCOPE (-1)
/* Insert the row or merge the copy into it, and note in the record what rollups and edges must learn.
 * STATUS_EXISTS: it was a copy. */
NODISCARD enum status store_observation(struct store *store, const struct store_packet *packet,
                                        const struct store_observed *observed);

/* --- store_scope.c -------------------------------------------------------------------------------------- */

/* Of a frame: its scope code, or STORE_NO_SCOPE. */
int32_t store_scope_code(const struct meshcore_frame *frame);
/* The scope's id, 0 = no configured region fits. */
NODISCARD enum status store_scope_match(struct store *store, const struct meshcore_frame *frame,
                                        int32_t code, struct hash_cache_entry *entry,
                                        int64_t *out_id);
/* A node's advert was heard with this scope: of several the newest stays. */
NODISCARD enum status store_scope_node(struct store *store, int64_t node_id, int64_t scope_id,
                                       int64_t receipt_ms);

/* --- store_channel.c ----------------------------------------------------------------------------------- */

/* The channel of that name; a new one gets its row, without messages. For an encrypted one is_encrypted; a
 * name that was ever read is not encrypted. */
NODISCARD enum status store_channel_resolve(struct store *store, const char *name,
                                            bool is_encrypted, int64_t receipt_ms, int64_t *out_id);

/* --- store_message.c ------------------------------------------------------------------------------------ */

/* The row of a new GRP_TXT transmission. *out_channel is 0 for a payload that is too short: no row. */
NODISCARD enum status store_message_insert(struct store *store, const struct meshcore_frame *frame,
                                           int64_t transmission_id, int64_t receipt_ms,
                                           int64_t *out_channel);
void store_channels_forget(struct store *store);
void store_channel_remember(struct store *store, const struct store_channel *channel);

/* --- store_drop.c --------------------------------------------------------------------------------------- */

/* True in *out: this frame was refused before for its signature; counted. */
NODISCARD enum status store_drop_again(struct store *store, const struct store_packet *packet,
                                       bool *out);
NODISCARD enum status store_drop_insert(struct store *store, const struct store_packet *packet);

/* --- store_derive.c ------------------------------------------------------------------------------------- */

/* A reception of the packet with its path; the caller fills sign, receipt, snr and rssi. */
void store_reception_init(struct store_reception *reception, const struct store_packet *packet,
                          const struct store_observed *observed);
/* Both need room in the tables: store_derive_make_room. */
void store_derive_reception(struct store *store, const struct store_reception *reception);
void store_derive_origin(struct store *store, const struct store_origin *origin);
/* An edge of neighbor_edges: from a hop to the next, or from the last to the observer, who then stands in
 * observer_id (else 0) and `to` is 0. Hops are packed. */
struct store_edge {
    uint32_t from, to;
    int64_t observer_id;
};
/* The edges that a heard path runs along, each once; none where the sizes were changed by hand. */
size_t store_edges_of(const struct store_reception *reception,
                      struct store_edge out[static MESHCORE_PATH_MAX]);
/* As parameters 1 to 3; bytes lives until the statement has run. */
void store_bind_edge(struct store *store, enum store_sql sql, const struct store_edge *edge,
                     uint8_t bytes[static 6]);
NODISCARD enum status store_derive_make_room(struct store *store);
NODISCARD enum status store_derive_write(struct store *store);

/* --- store_rebuild.c ------------------------------------------------------------------------------------ */

/* Read meta.derived; a database without packets counts as derived by this program. */
NODISCARD enum status store_derived_load(struct store *store, struct err *err);

/* --- store_batch.c ------------------------------------------------------------------------------------- */

void store_record_clear(struct store_record *record);
NODISCARD enum status store_batch_make_room(struct store *store);
/* Room is certain after store_batch_make_room. */
void store_batch_merge(struct store *store);
NODISCARD enum status store_batch_write(struct store *store);
void store_batch_clear(struct store *store);

/* --- each file's statements ---------------------------------------------------------------------------- */

NODISCARD enum status store_packet_prepare(struct store *store, struct err *err);
NODISCARD enum status store_observation_prepare(struct store *store, struct err *err);
NODISCARD enum status store_scope_prepare(struct store *store, struct err *err);
NODISCARD enum status store_channel_prepare(struct store *store, struct err *err);
NODISCARD enum status store_message_prepare(struct store *store, struct err *err);
NODISCARD enum status store_drop_prepare(struct store *store, struct err *err);
NODISCARD enum status store_derive_prepare(struct store *store, struct err *err);
NODISCARD enum status store_rebuild_prepare(struct store *store, struct err *err);
NODISCARD enum status store_node_prepare(struct store *store, struct err *err);
NODISCARD enum status store_observer_prepare(struct store *store, struct err *err);
NODISCARD enum status store_skew_prepare(struct store *store, struct err *err);
NODISCARD enum status store_limits_prepare(struct store *store, struct err *err);
NODISCARD enum status store_seen_prepare(struct store *store, struct err *err);
NODISCARD enum status store_status_prepare(struct store *store, struct err *err);
NODISCARD enum status store_companion_prepare(struct store *store, struct err *err);
NODISCARD enum status store_client_prepare(struct store *store, struct err *err);
NODISCARD enum status store_neighbors_prepare(struct store *store, struct err *err);
NODISCARD enum status store_batch_prepare(struct store *store, struct err *err);
NODISCARD enum status store_ring_prepare(struct store *store, struct err *err);
NODISCARD enum status store_job_prepare(struct store *store, struct err *err);
NODISCARD enum status store_retention_prepare(struct store *store, struct err *err);
NODISCARD enum status store_sweep_prepare(struct store *store, struct err *err);

/* --- store_retention.c --------------------------------------------------------------------------------- */

/* May the slice go on? Counts one row looked at. */
bool store_slice_goes_on(struct store_slice *slice);
/* One message less in a channel; an empty one leaves. */
NODISCARD enum status store_channel_shrink(struct store *store, int64_t channel_id,
                                           struct store_slice *slice);
