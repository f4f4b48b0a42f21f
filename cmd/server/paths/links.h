/* SPDX-License-Identifier: MIT
 *
 * links - who hears whom: all ways of the window folded into pairs of stops that stood next to each
 * other, and into how often each stop relayed. Unchanged once it is made.
 *
 * Definitions. A link is two different stops, one behind the other on a way, in whatever order.
 * there: receptions that show b hear a; back: a hear b; a reception that goes the same step twice
 * counts once. relayed: of both, those where the two are hops (neither the sender
 * nor the observer).
 * snr: what an observer measured is the strength of who sent to it, so only links to an observer's
 * node have one. sample_id: the transmission of the newest reception.
 * A relay is a stop that is a hop; receptions: those that came over it. hop: the widest that meant
 * it. The degree of a node: its links to other nodes.
 * Bounds: LINKS_MAX links, RELAYS_MAX relays; what finds no room makes it incomplete.
 * Threads: made in one, then read by any. Ownership: links_new gives one reference. Cost: 0.1 us
 * for each step of each way. */
#pragma once

#include "cmd/server/paths/ways.h"
#include "common/base/shared.h"
#include "cmd/server/tally/table.h"

#define LINKS_MAX  65536
#define RELAYS_MAX 65536

struct link {
    way_stop a, b; /* a < b; the key */
    uint32_t there, back, relayed;
    uint32_t first, last, hours; /* as in struct path_heard */
    uint32_t snr_count;
    float snr_sum, snr_best;
    uint32_t unused;
    int64_t sample_id;
};

struct relay {
    way_stop stop; /* the key */
    uint32_t hop, receptions;
};

struct degree {
    way_stop stop; /* a node; the key */
    uint32_t links;
};

struct links {
    struct shared shared;
    struct table links, relays, degrees;
    int64_t from_ms, to_ms;
    bool is_complete;
};

/* NULL = no memory. */
NODISCARD struct links *links_new(const struct ways *ways);
void links_unref(const struct links *links); /* accepts NULL */
/* The newest that was put there, with a reference; NULL = none. */
const struct links *links_take(struct shared_slot *slot);

static inline size_t links_count(const struct links *links)
{
    return links->links.count;
}
const struct link *links_at(const struct links *links, size_t at);
const struct link *links_find(const struct links *links, way_stop a, way_stop b); /* or NULL */
/* NULL = it relayed nothing. */
const struct relay *links_relay(const struct links *links, way_stop stop);
/* The hop that a stop is written as: its widest, of a node that is none its key's first byte. */
uint32_t links_hop(const struct links *links, const struct directory *directory, way_stop stop);

static inline uint32_t link_weight(const struct link *link)
{
    return link->there + link->back;
}
/* 0..1: certain from 100 receptions on. */
double link_score(const struct link *link);
/* By the ends; and for qsort over pointers: the greatest weight first, else by the ends. */
int link_by_ends(const struct link *x, const struct link *y);
int link_by_weight(const void *a, const void *b);
/* NaN = nobody measured it. */
double link_snr(const struct link *link);
/* Are both ends nodes? */
static inline bool link_is_known(const struct link *link)
{
    return stop_is_node(link->a) && stop_is_node(link->b);
}
