/* SPDX-License-Identifier: MIT
 *
 * shard_words - what the flusher and the senders say of the shards of another store, for the
 * statistics.
 *
 * A shard is away when it has not answered for AWAY_AFTER_US: then the try behind the first failure
 * (sender.h) has failed, too, or waits. An answer that is waited for counts from when it was asked
 * for, not from the end of the request's own limit. Threads: the supervisor's. */
#pragma once

#include "cmd/ingestor/shared/control_block.h"
#include "common/stats/stats_snapshot.h"

#define AWAY_AFTER_US (1500 * (mono_us)US_PER_MS)

struct shard_words {
    struct outbox_status outboxes[CONFIG_SHARDS_MAX]; /* last good copies */
    struct sender_status senders[CONFIG_SHARDS_MAX];
};

void shard_words_fill(struct shard_words *words, const struct control_block *cb, size_t shards,
                      struct stats_snapshot *out);
/* A sentence about the first shard that does not answer; false = all do. */
bool shard_words_say(const struct stats_snapshot *s, char out[static STATS_STATUS_BYTES]);
