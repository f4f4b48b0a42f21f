/* SPDX-License-Identifier: MIT
 *
 * shard_lists - what the engine answers that is short: first receipts, receptions of the last hour
 * by observer, a node's newest adverts, channels and their messages. See engine.h for each.
 * Threads: those of the askings. Errors: false = the question failed. */
#pragma once

#include "cmd/server/model/engine.h"

size_t shard_first_receipts(struct asking *asking, int64_t since_ms, size_t max, int64_t *out);
bool shard_last_hour(struct asking *asking, const struct directory *directory, int64_t *counts);
size_t shard_adverts(struct asking *asking, int64_t node_id, size_t max, int64_t *out);
void shard_adverts_since(struct asking *asking, int64_t since_ms, const int64_t *node_ids,
                         size_t count, int64_t *out);
bool shard_channels(struct asking *asking, const struct engine_channels *among,
                    void (*each)(void *context, const struct engine_channel *channel),
                    void *context, bool *out_whole);
bool shard_messages(struct asking *asking, const struct engine_messages *wanted,
                    void (*each)(void *context, const struct engine_message *message),
                    void *context);
int64_t shard_count_messages(struct asking *asking, const char *channel);
