/* SPDX-License-Identifier: MIT
 *
 * filter - which packets a query asks for: the parameters of /api/packets as they were meant, with
 * the names in them turned into ids.
 *
 * A packet has to pass every one that is given:
 * - type, route: of the first reception. since, until: of its first receipt; neither moment itself.
 * - hash: exactly this one. A text that is no hash is nobody's.
 * - observer, region: it was received (or sent) by one of these observers, by one of these regions.
 *   What is unknown among several does not count.
 * - area: an advert of a node whose position is in this area of the configuration; an area that is
 *   not there is no condition (CoreScope's rule).
 * - node, nodes: an advert of one of them, or a packet in whose path a hop names it alone, as in
 *   resolved_path (of a TRACE the path holds no hops). A name may be several nodes'.
 * - of a node's key, and of an observer's id that is one, the first digits do, 8 or more, as lists
 *   show them: all who begin so. A node that is named so goes before.
 * - channel: a message of this channel, by its name.
 *
 * Threads: that of the asking. Errors: what can't be read is 400 with the parameter's name; a
 * failed question looks like "nothing". Ownership: filter_done.
 * Limits: FILTER_NODES_MAX; observers and senders are as many as there are. */
#pragma once

#include "cmd/server/http/request.h"
#include "common/mesh/meshcore.h"

#define FILTER_NODES_MAX 32

struct asking;

/* A node as paths name it: by the first bytes of its key, where no other begins with them. */
struct filter_node {
    int64_t id;
    uint8_t key[MESHCORE_KEY_BYTES];
    bool is_named_by[4]; /* hops of so many bytes */
};

struct filter_nodes {
    size_t count;    /* 0 = not asked for */
    bool are_relays; /* at least one can be named by a hop */
    struct filter_node nodes[FILTER_NODES_MAX];
};

struct filter {
    bool is_nothing;            /* no packet can pass: a name in it is nobody's */
    bool is_any;                /* every packet passes */
    int type, route;            /* -1 = any */
    int64_t since_ms, until_ms; /* INT64_MIN, INT64_MAX = open */
    bool has_hash;
    uint8_t hash[MESHCORE_HASH_BYTES];
    int64_t channel_id;  /* 0 = any */
    const char *channel; /* the same as its name, borrowed; NULL = any */
    bool has_observers, has_senders;
    int64_t *observers; /* owned; ascending */
    size_t observer_count;
    int64_t *senders; /* owned; ascending */
    size_t sender_count;
    struct filter_nodes node, nodes; /* both have to match */
};

/* False: the reply says why. filter_done all the same. */
NODISCARD bool filter_read(struct filter *filter, struct asking *asking,
                           const struct http_query *query, struct http_reply *reply);
void filter_done(struct filter *filter);

bool filter_has_observer(const struct filter *filter, int64_t observer_id);
/* Only asked for with has_senders. */
bool filter_has_area_sender(const struct filter *filter, int64_t sender_id);
/* Does one of these hops name one of the nodes? */
bool filter_names_hop(const struct filter_nodes *nodes, size_t hop_size, const uint8_t *path,
                      size_t path_len);
bool filter_has_sender(const struct filter_nodes *nodes, int64_t sender_id);
/* Only by type and time. */
bool filter_is_by_time(const struct filter *filter);
