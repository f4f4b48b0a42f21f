/* SPDX-License-Identifier: MIT
 *
 * collisions - /api/analytics/hash-collisions?region&area: which nodes a hop can't tell apart, and
 * which prefixes are taken.
 *
 * A packet's sender chooses its bytes a hop, and whoever forwards it appends as many of its key: so
 * the nodes that count are, for each size, all that relay (repeaters and rooms of the places asked
 * for, but those that retention calls inactive): total_nodes = nodes_for_byte.
 *   using_this_size   of these, those whose own newest advert that says a size has this one
 *                     (adverts.h)
 *   unique_prefixes   different prefixes of this size; pct_used: of space_size, percent
 *   collision_count   prefixes that two or more of them have: the rows of collisions
 *   appearances       how many have it;  with_coords: of these with a position
 *   max_dist_km       the greatest distance between two with a position (of the first
 *                     DISTANCE_NODES); classification by it: "local" below 50 km, "regional" below
 *                     200, "distant", or "incomplete" where fewer than two have a position
 * one_byte_cells, two_byte_cells: every first byte with the nodes behind it, for the prefix tool.
 * inconsistent_nodes: of all roles, those whose adverts changed their size twice or more.
 * Bounds: the COLLISION_NODES relaying nodes heard last; more: not complete. No window: what is
 * known now. */
#pragma once

#include "cmd/server/analytics/analysis.h"

#define COLLISION_NODES 6000
#define DISTANCE_NODES  64

extern const struct analysis analysis_collisions;
extern const struct http_parameter collisions_parameters[];
#define COLLISIONS_NODE                                                                            \
    "{public_key: hex, name: str?, role: str?, lat: num?, lon: num?, hash_size: int?, "            \
    "hash_size_inconsistent: bool, hash_sizes_seen?: [int]}"
#define COLLISIONS_CELL "{public_key: hex, name: str?, role: str?, lat: num?, lon: num?}"
#define COLLISIONS_SHAPE                                                                                    \
    "{inconsistent_nodes: [" COLLISIONS_NODE "], by_size: {*: {stats: {total_nodes: int, "                  \
    "nodes_for_byte: int, using_this_size: int, unique_prefixes: int, collision_count: int, "               \
    "space_size: int, pct_used: num}, collisions: [{prefix: str, byte_size: int, appearances: "             \
    "int, nodes: [" COLLISIONS_NODE "], max_dist_km: num, classification: "                                 \
    "'local'|'regional'|'distant'|'incomplete', with_coords: int}], one_byte_cells?: {*: [" COLLISIONS_CELL \
    "]}, two_byte_cells?: {*: {group_nodes: [" COLLISIONS_CELL                                              \
    "], max_collision: int, collision_count: int, two_byte_map: {*: [" COLLISIONS_CELL                      \
    "]}}}}}, " ANALYTICS_TAIL "}"
