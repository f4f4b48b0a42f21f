/* SPDX-License-Identifier: MIT
 *
 * directory - all nodes, observers and scopes of a moment, in memory: names for every answer, and
 * lists that are filtered without asking the database.
 *
 * The three tables are bounded (maxNodes, maxObservers, hashRegions) and small beside the packets:
 * 2,000 nodes are read in 0.7 ms, 50,000 in 19. A directory never changes; the newest is
 * shared by all who ask (directories.h).
 * I1. Rows whom nobody shall see (nodeBlacklist, hiddenNamePrefixes, observerBlacklist) are here,
 *     since packets name them, and say is_hidden: a list leaves them out, a detail is 404.
 * I2. Texts are valid UTF-8 and never NULL; "" = not known.
 * Threads: read by any. Ownership: everything in it lives as long as it does.
 * Times: *_ms are UTC milliseconds of our clock at receipt, DIRECTORY_NEVER where there was none;
 * *_time are seconds of the sender's clock, 0 = none. */
#pragma once

#include "common/base/base.h"
#include "common/config/config.h"

#define DIRECTORY_NEVER   INT64_MIN
#define DIRECTORY_UNKNOWN INT64_MIN /* a number that nobody told */
#define NODE_KEY_BYTES    32

struct reader;

struct node {
    int64_t id;
    uint8_t key[NODE_KEY_BYTES];
    const char *name;
    int role;        /* MeshCore's number, 1..15; -1 = not known */
    double lat, lon; /* NaN = not known */
    int64_t first_ms;
    int64_t advert_ms;  /* receipt of the newest advert (nodes.last_ms) */
    int64_t relayed_ms; /* of the newest flood that came over it */
    int64_t heard_ms;   /* either: the one definition of "last heard" */
    int64_t advert_time;
    int64_t advert_count;               /* DIRECTORY_UNKNOWN */
    int64_t battery_mv, telemetry_time; /* DIRECTORY_UNKNOWN; 0 */
    double temperature_c;               /* NaN */
    int64_t scope_id;                   /* of its adverts; 0 = none matched */
    int64_t scope_ms;
    bool is_foreign, is_inactive, is_hidden;
};

struct observer {
    int64_t id;
    const char *identity, *name, *iata, *model, *firmware, *client_version, *radio;
    int64_t first_ms, heard_ms, packet_ms, status_ms;
    int64_t packet_count, status_count;          /* packets: DIRECTORY_UNKNOWN */
    double battery_mv, uptime_secs, noise_floor; /* NaN */
    int can_relay;                               /* 0, 1; -1 = not known */
    int64_t skew_s, skew_ms;                     /* DIRECTORY_UNKNOWN; 0 = never naive */
    bool is_inactive, is_hidden;
    const struct node *node; /* the one whose key is its identity; NULL = none */
};

struct scope {
    int64_t id;
    const char *name;
};

struct directory {
    int64_t commits;    /* meta.commits when it was read */
    uint64_t missing;   /* asking->missing, of the question that read it */
    struct node *nodes; /* by id, as all of these */
    size_t node_count;
    struct observer *observers;
    size_t observer_count;
    struct scope *scopes;
    size_t scope_count;
    const struct node **nodes_by_key; /* ascending */
    struct directory_texts *texts;
};

/* Reads all of it in the question that `reader` is at. NULL = no memory, or the question failed. */
NODISCARD struct directory *directory_read(struct reader *reader, const struct config *config);
void directory_free(struct directory *directory); /* accepts NULL */

/* --- for who reads one elsewhere -------------------------------------------------------------- */

/* Its arrays are malloc's; their rows in any order, each with an id of its own.
 * NULL = no memory. */
NODISCARD struct directory *directory_new(void);
/* A copy; "" stays "", NULL = no memory. */
NODISCARD const char *directory_keep(struct directory *directory, const char *text, size_t len);
/* All rows are there: what follows from them. False = no memory. */
NODISCARD bool directory_finish(struct directory *directory, const struct config *config);

/* Is its position known? */
bool node_is_placed(const struct node *node);
/* Of a role that forwards others' packets: a repeater or a room server. */
bool node_may_relay(const struct node *node);

/* NULL = there is none. */
const struct node *directory_node(const struct directory *directory, int64_t id);
const struct observer *directory_observer(const struct directory *directory, int64_t id);
/* marks: of each observer, in their order. Is this one's set? And the ids of all whose is: free()
 * it, NULL = no memory. */
bool directory_is_marked(const struct directory *directory, const bool *marks, int64_t observer_id);
NODISCARD int64_t *directory_marked(const struct directory *directory, const bool *marks,
                                    size_t *out_count);
const char *directory_scope(const struct directory *directory, int64_t id);
/* identity: as stored, or in any case. */
const struct observer *directory_find_observer(const struct directory *directory,
                                               const char *identity);
/* The nodes whose keys begin with these bytes: *out_first[0..n), in the order of keys. len 0 is
 * every node. */
size_t directory_prefix(const struct directory *directory, const uint8_t *prefix, size_t len,
                        const struct node *const **out_first);
