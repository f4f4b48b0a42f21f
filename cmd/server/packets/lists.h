/* SPDX-License-Identifier: MIT
 *
 * lists - the short lists beside /api/packets: moments of receipt, and what was refused.
 * Threads: those of the askings. */
#pragma once

#include "cmd/server/http/request.h"

/* Moments in one answer: the newest. */
#define LISTS_TIMESTAMPS_MAX 20000

struct asking;

extern const struct http_parameter lists_timestamps_parameters[];
extern const struct http_parameter lists_dropped_parameters[];

/* GET /api/packets/timestamps: [first_seen], ascending; since is required. */
void lists_timestamps(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply);
/* GET /api/dropped-packets: what the rules refused, newest first; its key is not asked for here. */
void lists_dropped(struct asking *asking, const struct http_request *request,
                   struct http_reply *reply);
