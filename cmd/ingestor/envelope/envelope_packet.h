/* SPDX-License-Identifier: MIT
 *
 * envelope_packet - packets (protocol.md 7.1), the frames of `raw` messages (7.2) and what
 * phones heard (7.6).
 *
 * Results as envelope_parse's. Of *out only the head (everything in front of the union) is set
 * before. Private to this room. Pure. */
#pragma once

#include "cmd/ingestor/envelope/envelope_fields.h"

enum outcome envelope_parse_packet(const struct topic *topic, const struct envelope_fields *f,
                                   struct envelope *out);
enum outcome envelope_parse_client(const struct topic *topic, const struct envelope_fields *f,
                                   struct envelope *out);
