/* SPDX-License-Identifier: MIT
 *
 * tally_hops - who relays: for each hop (a prefix of a node's key) the packets that came over it.
 *
 * Definitions. A packet is a transmission, counted once for a hop however many observers heard it
 * come over that hop (pairs.h), at the newest of these receptions; its scope and the place of the
 * hop in the path are those of that reception. last_ms: the newest receipt. Places: 0 is the first
 * hop behind the sender.
 * tally_hops_relayed counts, for a type and a length of the frame as first received, each packet
 * once for every hop that it came over: how often it was sent by relays. tally_hops_received counts
 * the packets of a type, of all routes.
 * A scope is counted of the same reception: hop_scope has an entry for each that came over a hop.
 * Which node a hop means is not known here. Bounds: HOPS_MAX hops, HOP_PLACES_MAX combinations with
 * a place, HOP_SCOPE_PAIRS_MAX with a scope. */
#pragma once

#include "cmd/server/tally/tally.h"

#define HOPS_MAX       65536
#define HOP_PLACES_MAX 131072
#define HOP_SCOPES_MAX 6
#define HOP_TYPES      16 /* four bits */

struct hop_count {
    uint32_t hop; /* the key */
    uint32_t packets_hour, packets_day, packets_unscoped;
    int64_t last_ms;
    /* The scopes it transported, scopes.id, as far as they have room; 0 = none more. */
    uint32_t scopes[HOP_SCOPES_MAX];
};

struct hop_place {
    uint32_t hop; /* these four are the key */
    uint8_t type, is_scoped, place, unused;
    uint32_t packets;
};

/* Instead of a scopes.id: no scope, and one that no configured region fits. */
#define HOP_UNSCOPED      0
#define HOP_SCOPE_UNNAMED UINT32_MAX

#define HOP_SCOPE_PAIRS_MAX 131072

struct hop_scope {
    uint32_t hop, scope; /* the key */
    uint32_t packets;
    int64_t last_ms;
};

struct tally_hops;

const struct hop_count *tally_hops_find(const struct tally_hops *tally, uint32_t hop); /* or NULL */
size_t tally_hops_count(const struct tally_hops *tally);
const struct hop_count *tally_hops_at(const struct tally_hops *tally, size_t at);
size_t tally_hop_places(const struct tally_hops *tally);
const struct hop_place *tally_hop_place_at(const struct tally_hops *tally, size_t at);
size_t tally_hop_scopes(const struct tally_hops *tally);
const struct hop_scope *tally_hop_scope_at(const struct tally_hops *tally, size_t at);
/* Packets with at least one hop: the whole of which the counts are shares. */
uint32_t tally_hops_packets(const struct tally_hops *tally);
/* type below HOP_TYPES, frame_bytes at most MESHCORE_FRAME_MAX */
uint32_t tally_hops_relayed(const struct tally_hops *tally, unsigned type, size_t frame_bytes);
uint32_t tally_hops_received(const struct tally_hops *tally, unsigned type);
