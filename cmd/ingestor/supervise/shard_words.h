/* SPDX-License-Identifier: MIT
 *
 * shard_words - what the flusher and the senders say of the shards of another store, for the
 * statistics.
 *
 * An answer that is waited for is none yet: that it does not come is said after SLOW_ANSWER_US, not
 * when the request's own limit is over. Threads: the supervisor's. */
#pragma once

#include "cmd/ingestor/shared/control_block.h"
#include "common/stats/stats_snapshot.h"

#define SLOW_ANSWER_US (2 * (mono_us)US_PER_S) /* as healthz, HEALTH_SHARD_WARN_S */

struct shard_words {
    struct outbox_status outboxes[CONFIG_SHARDS_MAX]; /* last good copies */
    struct sender_status senders[CONFIG_SHARDS_MAX];
};

void shard_words_fill(struct shard_words *words, const struct control_block *cb, size_t shards,
                      struct stats_snapshot *out);
/* A sentence about the first shard that does not answer; false = all do. */
bool shard_words_say(const struct stats_snapshot *s, char out[static STATS_STATUS_BYTES]);
