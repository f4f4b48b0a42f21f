/* SPDX-License-Identifier: MIT
 *
 * live_words - events for tests of the live feed: observation n is {"id":n,"x":"n"} with n as type,
 * padded as asked. Every failure fails the test. */
#pragma once

#include "cmd/server/live/live.h"

/* One batch of first..last in the kind's order. */
struct live_batch *live_words_batch(enum live_batch_kind kind, int64_t first, int64_t last,
                                    size_t padding);
/* Puts the same into a log of the test's own. */
void live_words_push(struct live_log *log, int64_t first, int64_t last, size_t padding);
/* What a stream says of one observation. */
size_t live_words_text(int64_t id, size_t padding, char *out, size_t cap);
