/* SPDX-License-Identifier: MIT
 *
 * cluster_look - what is there on one replica, and whether it is the store that the configuration
 * means.
 *
 * I1. Looking changes nothing.
 * I2. A database with tables but without our `meta` is somebody else's; one whose `meta` names
 *     another shard, another number of shards or another cluster is not the one that is meant
 *     (addresses in a wrong order would send rows where nobody looks for them).
 * Threads: one. Errors: of the server, in the answer; of what was found, in the verdict's text. */
#pragma once

#include "cmd/ingestor/cluster/cluster.h"

#define CLUSTER_VERSION_MAX 64

enum cluster_state {
    CLUSTER_READY,
    CLUSTER_EMPTY,     /* no database, or one without tables; or --store-init was cut short here */
    CLUSTER_UNREACHED, /* no answer, or a refusal */
    CLUSTER_FOREIGN,   /* not made by --store-init */
    CLUSTER_OTHER,     /* another shard, or another cluster */
    CLUSTER_NEWER,     /* of a newer program */
    CLUSTER_DAMAGED,   /* tables or columns are missing, or have another type */
};

struct cluster_sight {
    enum cluster_state state;
    bool is_refused; /* UNREACHED: it answered, and will answer so again */
    bool has_meta_row;
    char version[CLUSTER_VERSION_MAX];
    uint8_t id[CLUSTER_ID_BYTES]; /* of its cluster; where has_meta_row */
    /* The first column that a table has not; NULL = none. */
    const struct fact_table *lacking;
    const struct fact_column *lacks;
    char text[640]; /* what is wrong, and what to do; "" = nothing */
};

/* Up to `meta`; state is then READY, EMPTY, UNREACHED, FOREIGN, OTHER or NEWER. */
void cluster_look(struct cluster *cluster, size_t shard, size_t replica, struct cluster_sight *out);
/* Of one that is READY: its tables' columns; it may become DAMAGED. */
void cluster_look_at_columns(struct cluster *cluster, size_t shard, size_t replica,
                             struct cluster_sight *sight);
/* All replicas, columns included, and that all are of one store, whose id comes out: STATUS_OK, or
 * why not: CONFIG where one is not the one that is meant; IO where of a shard none can be reached.
 * One that is away is said in the log and done without. */
NODISCARD enum status cluster_check(struct cluster *cluster,
                                    uint8_t out_id[static CLUSTER_ID_BYTES], struct err *err);
