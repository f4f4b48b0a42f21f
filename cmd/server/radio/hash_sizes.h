/* SPDX-License-Identifier: MIT
 *
 * hash_sizes - /api/analytics/hash-sizes?region&area: how many bytes a hop the mesh uses.
 *
 * Of the last 24 hours (tally_signals, tally_hops):
 *   total                packets that came over at least one hop, each once
 *   distribution         of these, by bytes a hop; hourly the same by the UTC hour of the newest
 *                        reception
 *   topHops              the TOP_HOPS hops over which most packets came: count, and the node that
 *                        the hop means where it is one (model/hops.h)
 * Of the nodes of the places asked for, by their own newest adverts that say a size
 * (summary/adverts.h); those of which none does are in none of these:
 *   distributionByRepeaters  repeaters and rooms by the bytes a hop of their newest advert
 *   multiByteNodes       those whose newest advert has two or three bytes a hop; packets: all its
 *                        adverts
 *   multiByteCapability  repeaters and rooms, as facts.h says it: confirmed, suspected or unknown
 *                        (evidence advert, path, or empty)
 * attributionMethod: "advert": sizes of nodes are told by nobody but themselves. */
#pragma once

#include "cmd/server/analytics/analysis.h"

#define TOP_HOPS 20

extern const struct analysis analysis_hash_sizes;
extern const struct http_parameter hash_sizes_parameters[];
#define HASH_SIZES_SHAPE                                                                           \
    "{total: int, distribution: {*: int}, distributionByRepeaters: {*: int}, hourly: [{hour: "     \
    "str, *: int}], topHops: [{hex: str, size: int, count: int, name: str?, pubkey: hex?}], "      \
    "multiByteNodes: [{name: str?, pubkey: hex, role: str?, hashSize: int, packets: int, "         \
    "lastSeen: time?}], multiByteCapability: [{pubkey: hex, name: str?, role: str?, status: "      \
    "'confirmed'|'suspected'|'unknown', evidence: str, maxHashSize: int, lastSeen: time?}], "      \
    "attributionMethod: str, " ANALYTICS_TAIL "}"
