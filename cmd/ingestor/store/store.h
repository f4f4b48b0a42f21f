/* SPDX-License-Identifier: MIT
 *
 * store - the database as the flusher writes it; the one place in the ingestor that knows its SQL.
 *
 * One transaction at a time:
 *   store_begin, per record {store_savepoint, store_packet or the call for another kind,
 *   store_release | store_rollback_record}, per ring store_cursor_save, store_commit.
 * I1. Rows, counters and cursors of a batch become visible in one transaction or not at all.
 * I2. last_seen, counters and aggregates are gathered in memory during a batch (deltas) and written
 *     once by store_commit; a rolled-back record leaves none.
 * I3. After any error other than a constraint, and after a rollback, every cache that came from the
 *     database is dropped (store_forget) before the next store_begin.
 * I4. The order of messages and their grouping into batches do not change the final rows, ids
 *     apart: "first" is the smallest receipt; of two copies the earlier one's non-null values win;
 *     of two statements about a node or an observer the newer non-empty one stays; equal times are
 *     decided by the values, of adverts by the content hash (store_advert.c; beyond 256 adverts per
 *     node the newest decide). Not so where words without a time of their own come again within ten
 *     minutes of each other (store_seen.c), nor where a sample that kept others out of its five
 *     minutes is heard to be of the five before (store_status.c).
 * I5. Derived rows (messages, channels, scopes, neighbor_edges, rollups, hours, node_observers,
 *     which nodes relayed) follow from transmissions and observations; store_rebuild arrives at
 *     the same, but that times of channels and edges, and hours, may be narrower after retention.
 * I6. Every stored kind has a uniqueness key that a redelivery repeats; receipt time is never part
 *     of it: observation (transmission, observer, direction, path); status with metrics (observer,
 *     envelope time, hash of the payload); others: hash of topic and payload within 10 minutes.
 * Errors: STATUS_CONSTRAINT concerns one row; else: roll back, forget, start again from the
 * cursors. Memory: about 16 MB of caches. Threads: the flusher's main one. */
#pragma once

#include "cmd/ingestor/envelope/envelope.h"
#include "cmd/ingestor/facts/outbox.h"
#include "cmd/ingestor/verify/verdict.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/config/config.h"
#include "common/mesh/channel_keys.h"
#include "common/mesh/meshcore.h"
#include "common/mesh/region_scopes.h"

struct store;

struct store_rules { /* limits: 0 = none */
    enum signature_mode signatures;
    bool drops_foreign; /* filter new adverts with is_foreign; else their node is marked */
    int max_nodes, max_observers, max_name_bytes; /* names are cut at a character */
    int new_observers_per_minute;                 /* by receipt time */
    const struct geo_area *area;                  /* geo_filter, borrowed; NULL = none */
};
struct store_rules store_rules_of(const struct config *config);

struct store_params {
    const char *path;
    int cache_mb;
    struct store_rules rules;
    const struct channel_keys *channels; /* both borrowed until store_close; NULL = none */
    const struct region_scopes *scopes;
    struct outbox_params outbox; /* no shards = none: packets stay here */
    /* Every ~10,000 opcodes of migration (not 0 ends it) or rebuild; or NULL. */
    int (*progress)(void *context);
    void *progress_context;
};

/* Open or create, migrate to the newest schema. STATUS_NEWER: by a newer version. */
NODISCARD enum status store_open(const struct store_params *params, struct store **out_store,
                                 struct err *err);
void store_close(struct store *store);
void store_forget(struct store *store);
const char *store_error(const struct store *store); /* SQLite's last one, until the next call */

/* --- a batch ---------------------------------------------------------------------------------- */

NODISCARD enum status store_begin(struct store *store, bool durable); /* synchronous FULL */
NODISCARD enum status store_commit(struct store *store);
void store_rollback(struct store *store); /* also forgets (I3) */
/* Has it changed a row? What the batch gathered (I2) is not yet in one. */
bool store_has_written(const struct store *store);
/* In place of store_commit, where it has not: what was gathered waits for the next one. */
NODISCARD enum status store_defer(struct store *store);
NODISCARD enum status store_savepoint(struct store *store);
/* For store_packet alone, whose rows no table refuses: no savepoint, no copy of changed pages. */
NODISCARD enum status store_record(struct store *store);
/* STATUS_AGAIN of these two: whose row was refused? Begin the batch anew, with savepoints. */
NODISCARD enum status store_release(struct store *store, enum outcome outcome);
NODISCARD enum status store_rollback_record(struct store *store);

struct store_packet {
    const char *source;
    const struct envelope *envelope; /* kind PACKET */
    const struct meshcore_frame *frame;
    const uint8_t *hash;                  /* MESHCORE_HASH_BYTES */
    const struct meshcore_advert *advert; /* parsed; NULL when it is not an ADVERT */
    enum verdict verdict;                 /* on its signature; UNKNOWN: verified here, if need be */
    bool is_foreign;                      /* the advert's position is outside geo_filter */
    bool is_retained; /* kept by the broker, of unknown age: stored, but no proof of life */
    int64_t receipt_ms;
};
/* What one record did, for the counters; only meaningful on STATUS_OK. */
struct store_result {
    /* COMMITTED, DUPLICATE, REJECTED_SIGNATURE or one of FILTERED. Rows (no packet's) may be
     * written already: store_release takes them back. */
    enum outcome outcome;
    bool is_new_transmission, is_new_observation, node_upserted, observer_upserted;
};
/* An advert's signature is verified once per content. A bad one is OUTCOME_REJECTED_SIGNATURE and a
 * row of dropped_packets (SIGNATURE_DROP), or stored with is_forged and touches no node (_FLAG).
 * A duplicate moves no count; the earlier copy's values win, nulls are filled. */
NODISCARD enum status store_packet(struct store *store, const struct store_packet *packet,
                                   struct store_result *out);
/* Is a content stored? False: ask the database. */
bool store_knows(const struct store *store, const uint8_t hash[static MESHCORE_HASH_BYTES]);

struct store_status {
    const struct envelope *envelope;    /* kind STATUS */
    const struct ring_message *message; /* topic, payload and flags: uniqueness key, retain */
    int64_t receipt_ms;
};
/* A retained one is never proof of life: it fills metadata but does not move last_seen. */
NODISCARD enum status store_status(struct store *store, const struct store_status *status,
                                   struct store_result *out);

/* The other kinds. A redelivery of the same topic and payload within ten minutes is a DUPLICATE; a
 * client reception has a key of its own. Retained ones are no news: a report fills what is unknown,
 * a text and a reception without a time of its own are not stored (DUPLICATE). */
struct store_message {
    const char *source;
    const struct envelope *envelope;    /* kind MESSAGE, CLIENT, NEIGHBORS or REGIONS */
    const struct ring_message *message; /* topic, payload and flags */
    int64_t receipt_ms;
};
NODISCARD enum status store_companion(struct store *store, const struct store_message *message,
                                      struct store_result *out);
struct store_client {
    const uint8_t *heard; /* the node's key, or at least two bytes of it */
    size_t heard_len;
    int64_t rx_ms; /* as envelope_resolve_time says; kept in whole seconds */
};
NODISCARD enum status store_client(struct store *store, const struct store_message *message,
                                   const struct store_client *client, struct store_result *out);
NODISCARD enum status store_neighbors(struct store *store, const struct store_message *message,
                                      struct store_result *out);
NODISCARD enum status store_regions(struct store *store, const struct store_message *message,
                                    struct store_result *out);

/* --- derived rows ----------------------------------------------------------------------------- */

/* All derived rows anew, in one transaction; companion texts keep their channels. */
struct store_rebuild_progress {
    void (*report)(void *context, int64_t transmissions_done, int64_t total);
    void *context;
};
NODISCARD enum status store_rebuild(struct store *store,
                                    const struct store_rebuild_progress *progress); /* or NULL */
/* An older program derived the rows, or none did yet: store_catch_up makes them anew (all, or only
 * what nodes say of themselves, 10 us an advert). */
bool store_needs_rebuild(const struct store *store);
NODISCARD enum status store_catch_up(struct store *store);

/* --- upkeep ----------------------------------------------------------------------------------- */

struct store_checkpoint {
    int64_t wal_frames, checkpointed_frames; /* equal = the WAL can start over */
};
/* PASSIVE; TRUNCATE waits 100 ms for readers. */
NODISCARD enum status store_checkpoint(struct store *store, bool truncate,
                                       struct store_checkpoint *out);
/* Frames in the WAL after the last commit, 0 once all are copied; their bytes. */
int64_t store_wal_pages(const struct store *store);
int64_t store_wal_bytes(struct store *store);
/* It was cut under us: closing copies nothing of it into the database. */
void store_leave_log(struct store *store);

struct store_extent {
    int64_t page_bytes, pages, free_pages, transmissions, nodes; /* the last two as in meta */
    int64_t retained_from_ms, newest_ms; /* newest: to the hour after an import, 0 = nothing */
};
NODISCARD enum status store_extent(struct store *store, struct store_extent *out);

/* A slice of a job stops by itself after `rows_max` rows or when the clock has passed `until`, but
 * not without some progress. store_slice_goes_on counts one row looked at. */
struct store_slice {
    mono_us until;
    int64_t rows_max;
    int64_t looked, rows; /* out: looked at, or taken away; deleted or changed */
    bool must_forget; /* out: caches may name rows that are gone: store_forget after the commit */
};
bool store_slice_goes_on(struct store_slice *slice);
/* Until `keep` free pages are left. */
NODISCARD enum status store_vacuum(struct store *store, int64_t keep, struct store_slice *slice,
                                   bool *out_at_end);
/* Statistics of one table, the first behind position (a rowid of sqlite_schema). */
NODISCARD enum status store_analyze(struct store *store, int64_t *position,
                                    struct store_slice *slice, bool *out_at_end);

/* Where a job in slices is, written in the transaction of what it has done. Zeros = never run. */
struct store_job {
    int64_t position, value, done, updated_ms; /* the first three: the job's own meaning */
};
NODISCARD enum status store_job_load(struct store *store, const char *name, struct store_job *out);
NODISCARD enum status store_job_save(struct store *store, const char *name,
                                     const struct store_job *job);
