/* SPDX-License-Identifier: MIT
 *
 * store_retention - rows leave: what maintenance asks of the database, in slices.
 *
 * Every call belongs to one transaction of the caller's (store_begin ... store_commit) and stops by
 * itself: after `rows_max` rows or once the clock has passed `until`, whichever is first, but not
 * before it has made some progress. Where it stopped is in the position that it hands back, which
 * the caller keeps in `jobs`, in the same transaction. What the slices have in common (struct
 * store_slice) and the upkeep of the file stand in store.h.
 * I1. A transmission leaves with all that hangs on it: observations, what they added to
 *     neighbor_edges, its message, its share of channels.message_count and of meta's counts, its
 *     entry in the hash cache. One with many observations may take several slices;
 *     observation_count is right after each.
 * I2. The newest transmission and the one with the newest observation never leave, nor the newest
 *     node: plain rowids would be given out again (schema.c).
 * I3. meta.retained_from_ms never falls, and is at or above the cutoff before the first row leaves.
 * Errors: any; the caller rolls back. Threads: the flusher's main one. */
#pragma once

#include "cmd/ingestor/store/store.h"

/* --- packets ---------------------------------------------------------------------------------- */

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

/* --- the other tables: one pass over each, by id ---------------------------------------------- */

enum store_expiry {
    EXPIRE_NODES,      /* silent ones become inactive */
    EXPIRE_OBSERVERS,  /* silent ones become inactive */
    EXPIRE_METRICS,    /* observer_metrics, to five minutes */
    EXPIRE_SKEW,       /* observer_skew, to the hour */
    EXPIRE_NEIGHBORS,  /* reported_neighbors */
    EXPIRE_REPORTS,    /* neighbor_reports */
    EXPIRE_CLIENTS,    /* client_receptions */
    EXPIRE_DROPPED,    /* dropped_packets */
    EXPIRE_COMPANIONS, /* companion_messages, and their share of channels.message_count */
    EXPIRE_ANSWERS,    /* region_answers */
    EXPIRE_REFUSALS,   /* refusals */
    EXPIRE_HOURS,      /* hours, to the hour: rows without an observation that is left */
    EXPIRE_COUNT
};
/* Everything older than the cutoff, by its receipt. position starts at 0; *out_at_end:
 * nothing is left. */
NODISCARD enum status store_expire(struct store *store, enum store_expiry which, int64_t cutoff_ms,
                                   int64_t *position, struct store_slice *slice, bool *out_at_end);
/* Rollups of hours before the cutoff. kind and key: the last series looked at; start at {-1, 0}. */
NODISCARD enum status store_expire_rollups(struct store *store, int64_t cutoff_ms, int64_t *kind,
                                           int64_t *key, struct store_slice *slice,
                                           bool *out_at_end);
/* Delete the longest silent inactive nodes while there are more than `keep` rows. *node_id: the one
 * whose adverts and rollups are being let go; 0 = none. */
NODISCARD enum status store_purge_nodes(struct store *store, int64_t keep, int64_t *node_id,
                                        struct store_slice *slice, bool *out_at_end);

/* --- for the room ----------------------------------------------------------------------------- */

NODISCARD enum status store_retention_open(struct store *store, struct err *err);
