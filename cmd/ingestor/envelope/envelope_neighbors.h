/* SPDX-License-Identifier: MIT
 *
 * envelope_neighbors - neighbour reports (protocol.md 7.4): their head. The lines, rare and up to
 * 64 KiB together, are not copied but read from the payload when they are asked for
 * (envelope_neighbor_next).
 *
 * Results as envelope_parse's. Of *out only the head (everything in front of the union) is set
 * before. Private to this room. Pure. */
#pragma once

#include "cmd/ingestor/envelope/envelope_fields.h"

enum outcome envelope_parse_neighbors(const struct topic *topic, const struct envelope_fields *f,
                                      struct envelope *out);
