/* SPDX-License-Identifier: MIT
 *
 * envelope_message - texts of companion bridges (protocol.md 7.5): no frame, and the bridge rarely
 * says who it is.
 *
 * Results as envelope_parse's. Of *out only the head (everything in front of the union) is set
 * before. Private to this room. Pure. */
#pragma once

#include "cmd/ingestor/envelope/envelope_fields.h"

enum outcome envelope_parse_message(const struct topic *topic, const struct envelope_fields *f,
                                    struct envelope *out);
