/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/shard_words.h"

#include <stdio.h>

#define MS_PER_S 1000

static int64_t away_seconds(const struct sender_status *said)
{
    const mono_us now = clock_mono();
    const mono_us since = said->away_mono_us != 0 ? said->away_mono_us : said->busy_mono_us;
    return since != 0 && now - since >= AWAY_AFTER_US ? (now - since) / US_PER_S : 0;
}

static void fill_shard(const struct shard_words *words, size_t shard, struct stats_outbox *out)
{
    const struct outbox_status *waits = &words->outboxes[shard];
    const struct sender_status *said = &words->senders[shard];
    const int64_t now_ms = clock_wall() / US_PER_MS;
    *out = (struct stats_outbox){
        .shard = (int64_t)shard,
        .blocks = waits->blocks,
        .rows = waits->rows,
        .bytes = waits->bytes,
        .oldest_s = waits->oldest_ms != 0 && waits->oldest_ms < now_ms
                        ? (now_ms - waits->oldest_ms) / MS_PER_S
                        : 0,
        .away_s = away_seconds(said),
        .acked_blocks = said->blocks,
        .acked_rows = said->rows,
        .retries = said->retries,
        .sums_behind = said->sums_unix != 0 ? said->sums_behind : STATS_UNKNOWN,
        .sums_unix = said->sums_unix,
    };
    (void)snprintf(out->sums_error, sizeof out->sums_error, "%s", said->sums_error);
    (void)snprintf(out->server, sizeof out->server, "%s", said->server);
    (void)snprintf(out->error, sizeof out->error, "%s", said->error);
}

void shard_words_fill(struct shard_words *words, const struct control_block *cb, size_t shards,
                      struct stats_snapshot *out)
{
    out->outbox_count = shards;
    for (size_t i = 0; i < shards; i++) {
        IGNORE(seqlock_read(&cb->outboxes[i], &words->outboxes[i]), "the last good copy stays");
        IGNORE(seqlock_read(&cb->senders[i], &words->senders[i]), "the last good copy stays");
        fill_shard(words, i, &out->outbox[i]);
    }
}

bool shard_words_say(const struct stats_snapshot *s, char out[static STATS_STATUS_BYTES])
{
    for (size_t i = 0; i < s->outbox_count; i++) {
        const struct stats_outbox *shard = &s->outbox[i];
        if (shard->away_s == 0)
            continue;
        (void)snprintf(out, STATS_STATUS_BYTES,
                       "Not sending: shard %lld (%.80s) has not answered for %lld s; blocks wait",
                       (long long)shard->shard, shard->server, (long long)shard->away_s);
        return true;
    }
    return false;
}
