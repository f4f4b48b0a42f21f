/* SPDX-License-Identifier: MIT
 *
 * store_retention - rows leave: what maintenance asks of the database, in slices.
 *
 * Every call belongs to one transaction of the caller's (store_begin ... store_commit) and stops by itself:
 * after `rows_max` rows or once the clock has passed `until`, whichever is first, but not before it has made
 * some progress. Where it stopped is in the position that it hands back, which the caller keeps in `jobs`, in
 * the same transaction.
 * I1. A transmission leaves with all that hangs on it: observations, what they added to neighbor_edges, its
 *     message, its share of channels.message_count and of meta's counts, its entry in the hash cache. One with
 *     many observations may take several slices; observation_count is right after each.
 * I2. The newest transmission and the one with the newest observation never leave, nor the newest node:
 *     plain rowids would be given out again (schema.c).
 * I3. meta.retained_from_ms never falls, and is at or above the cutoff before the first row leaves.
 * Errors: any; the caller rolls back. Threads: the flusher's only one. */
#pragma once

#include "cmd/ingestor/store/store.h"
#include "cmd/ingestor/store/store_job.h"
#include "common/base/clock.h"

struct store_slice {
    mono_us until;
    int64_t rows_max;
    int64_t looked;   /* out: rows looked at, or taken away */
    int64_t rows;     /* out: rows deleted or changed */
    bool must_forget; /* out: caches may name rows that are gone: store_forget after the commit */
};

/* --- what the policy asks ------------------------------------------------------------------------------ */

struct store_extent {
    int64_t page_bytes, pages, free_pages;
    int64_t transmissions, nodes; /* as meta counts them */
    int64_t retained_from_ms;
    int64_t newest_ms; /* receipt; to the hour where an import came last; 0 = nothing is stored */
};
NODISCARD enum status store_extent(struct store *store, struct store_extent *out);

/* --- packets ------------------------------------------------------------------------------------------- */

/* A walk over the transmissions by id. */
struct store_walk {
    int64_t cutoff_ms; /* last_ms below this: leaves */
    int64_t position;  /* the next id to look at */
    int64_t budget;    /* so many transmissions may still leave */
    int64_t stays;     /* seen in a row that stay */
    int64_t stays_max; /* after so many the walk is at its end */
    int64_t oldest_ms; /* smallest last_ms of those that stayed; INT64_MAX = none */
    bool is_at_end;    /* out */
};
NODISCARD enum status store_walk_packets(struct store *store, struct store_walk *walk,
                                         struct store_slice *slice);

/* --- the other tables: one pass over each, by id --------------------------------------------------------- */

enum store_sweep {
    SWEEP_NODES,      /* silent ones become inactive */
    SWEEP_OBSERVERS,  /* silent ones become inactive */
    SWEEP_METRICS,    /* observer_metrics, to five minutes */
    SWEEP_SKEW,       /* observer_skew, to the hour */
    SWEEP_NEIGHBORS,  /* reported_neighbors */
    SWEEP_REPORTS,    /* neighbor_reports */
    SWEEP_CLIENTS,    /* client_receptions */
    SWEEP_DROPPED,    /* dropped_packets */
    SWEEP_COMPANIONS, /* companion_messages, and their share of channels.message_count */
    SWEEP_COUNT
};
/* Everything older than the cutoff, by its receipt. position starts at 0; *out_at_end: nothing is left. */
NODISCARD enum status store_sweep(struct store *store, enum store_sweep which, int64_t cutoff_ms,
                                  int64_t *position, struct store_slice *slice, bool *out_at_end);
/* Rollups of hours before the cutoff. kind and key: the last series looked at; start at {-1, 0}. */
NODISCARD enum status store_sweep_rollups(struct store *store, int64_t cutoff_ms, int64_t *kind,
                                          int64_t *key, struct store_slice *slice,
                                          bool *out_at_end);
/* Delete the longest silent inactive nodes while there are more than `keep` rows. *node_id: the one whose
 * adverts and rollups are being let go; 0 = none. */
NODISCARD enum status store_purge_nodes(struct store *store, int64_t keep, int64_t *node_id,
                                        struct store_slice *slice, bool *out_at_end);

/* --- the file ------------------------------------------------------------------------------------------ */

/* Give free pages back until `keep` of them are left. */
NODISCARD enum status store_vacuum(struct store *store, int64_t keep, struct store_slice *slice,
                                   bool *out_at_end);
/* Statistics of one table, the first behind position (a rowid of sqlite_schema). */
NODISCARD enum status store_analyze(struct store *store, int64_t *position,
                                    struct store_slice *slice, bool *out_at_end);
