/* SPDX-License-Identifier: MIT
 *
 * tally_edges - who was heard by whom in the window: each step of a flood's path is an edge, from
 * who sent to who heard: hop to next hop, last hop to observer; of an advert also its sender to the
 * first hop, or to the observer when there is none.
 *
 * An end is a hop (which node it means is not known here), a node or an observer by its id. count:
 * receptions; an edge that a path runs along twice counts once. by_mode: of these, by bytes a hop
 * of the path; 0 = no hop told it. snr: what an observer measured is the strength of who sent to
 * it, so only edges to an observer have one. observers: those whose receptions showed the edge, as
 * far as they have room.
 * Bounds: EDGES_MAX edges, of which the newest stay. */
#pragma once

#include "cmd/server/tally/tally.h"

#define EDGES_MAX          32768
#define EDGE_OBSERVERS_MAX 4

enum edge_kind { EDGE_HOP = 1, EDGE_NODE, EDGE_OBSERVER };

/* The kind above 56 bits of a hop or an id. */
typedef uint64_t edge_end;

static inline edge_end edge_end_of(enum edge_kind kind, int64_t id)
{
    return (uint64_t)kind << 56 | (uint64_t)id;
}
static inline enum edge_kind edge_end_kind(edge_end end)
{
    return (enum edge_kind)(end >> 56);
}
static inline int64_t edge_end_id(edge_end end)
{
    return (int64_t)(end & ((UINT64_C(1) << 56) - 1));
}

struct edge_count {
    edge_end from, to; /* the key */
    int64_t first_ms, last_ms;
    uint32_t count, by_mode[4];
    uint32_t snr_count;
    float snr_sum;
    uint32_t observers[EDGE_OBSERVERS_MAX]; /* observers.id; 0 = none more */
};

struct tally_edges;

size_t tally_edges_count(const struct tally_edges *tally);
const struct edge_count *tally_edges_at(const struct tally_edges *tally, size_t at);
