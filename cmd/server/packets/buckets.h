/* SPDX-License-Identifier: MIT
 *
 * buckets - GET /api/audio-lab/buckets: some packets of each type, for who wants to hear what they
 * sound like.
 *
 * Of the newest BUCKETS_LOOKED_AT packets the newest BUCKET_PACKETS of each type, newest first,
 * each with the reception that is shown for it (packet.h). The buckets' names are those of the
 * types as decoded_json says them. `looked`, `from`: at how many packets, and since when.
 * Threads: those of the askings. */
#pragma once

#include "cmd/server/http/request.h"

#define BUCKETS_LOOKED_AT 5000
#define BUCKET_PACKETS    20
#define BUCKETS_KEPT_S    10

struct asking;

void buckets_answer(struct asking *asking, const struct http_request *request,
                    struct http_reply *reply);
