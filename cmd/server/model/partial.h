/* SPDX-License-Identifier: MIT
 *
 * partial - how an answer says that it lacks what some shards hold (asking->missing): in its head,
 * `X-Weir-Partial: shard=1,3`, and, where it is an object, as its last member, "partial": true.
 * Pure. Ownership: the caller's reply. */
#pragma once

#include "cmd/server/http/request.h"

/* missing: a bit for each shard; 0 = nothing is said. Such an answer is kept for nobody. */
void partial_say(struct http_reply *reply, uint64_t missing);
