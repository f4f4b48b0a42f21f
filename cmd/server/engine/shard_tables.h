/* SPDX-License-Identifier: MIT
 *
 * shard_tables - the small tables of a store in shards, as engine.h asks for them: drops, what
 * phones heard, what repeaters declare; and the newest packets by type.
 * Threads: that of the asking. Errors: false = the question failed. */
#pragma once

#include "cmd/server/model/engine.h"

bool shard_newest(struct asking *asking, size_t max,
                  void (*each)(void *context, const struct engine_newest *packet), void *context);
bool shard_drops(struct asking *asking, const struct engine_drops *wanted,
                 void (*each)(void *context, const struct engine_drop *drop), void *context);
bool shard_phones(struct asking *asking, int64_t since_ms, int64_t before_ms, int64_t before_id,
                  size_t max, void (*each)(void *context, const struct engine_phone *phone),
                  void *context);
bool shard_declarations(struct asking *asking,
                        void (*each)(void *context, const struct engine_declaration *declared),
                        void *context);
