/* SPDX-License-Identifier: MIT
 *
 * envelope_regions - a repeater's answer about its regions, asked by a phone (protocol.md 6). The
 * names are not copied but read from the payload when they are asked for (envelope_regions_join).
 *
 * Results as envelope_parse's. Of *out only the head (everything in front of the union) is set
 * before. Private to this room. Pure. */
#pragma once

#include "cmd/ingestor/envelope/envelope_fields.h"

enum outcome envelope_parse_regions(const struct topic *topic, const struct envelope_fields *f,
                                    struct envelope *out);
