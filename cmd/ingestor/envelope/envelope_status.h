/* SPDX-License-Identifier: MIT
 *
 * envelope_status - statuses (protocol.md 7.3), last wills among them.
 *
 * Results as envelope_parse's. Of *out only the head (everything in front of the union) is set
 * before. Private to this room. Pure. */
#pragma once

#include "cmd/ingestor/envelope/envelope_fields.h"

enum outcome envelope_parse_status(const struct topic *topic, const struct envelope_fields *f,
                                   struct envelope *out);
