/* SPDX-License-Identifier: MIT
 *
 * shard_samples - what observers said of themselves (engine.h, samples), out of the facts samples:
 * of each five minutes the earliest, as in the database.
 * Threads: those of the askings. Errors: false = the question failed. Cost: 90 bytes a sample. */
#pragma once

#include "cmd/server/model/engine.h"

bool shard_samples(struct asking *asking, const struct engine_samples *wanted,
                   void (*each)(void *context, const struct engine_sample *sample), void *context,
                   bool *out_all);
