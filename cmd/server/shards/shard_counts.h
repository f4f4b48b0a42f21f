/* SPDX-License-Identifier: MIT
 *
 * shard_counts - how many receptions, packets and adverts there are, and whose: what no question
 * may count by itself, since that would be all of history.
 *
 * The poller counts partition by partition and keeps what it counted of each: a partition is
 * counted anew only when it, or the one before, has got another block (system.parts), which of old
 * ones happens when something late arrives. So a look costs the partitions of now, and history
 * once, after the start, in slices; until all of it was counted nothing is known. A slice goes on
 * with what was tried the longest ago: where the current partitions alone take longer than a
 * slice, each has its turn, and of the others what was counted before is told.
 * What is counted: keys, each in the partition of its earliest row; of rows in the partition before
 * those of its last day are looked at, too, so that what two ingestors received on two sides of
 * midnight is one. What comes again more than a day later, from an ingestor that has forgotten it,
 * counts again.
 * Threads: shards_count_some by the poller alone; a shard_counts never changes.
 * Ownership: shared.h.
 * Limits: COUNTED_KEYS_MAX observers or nodes a partition; COUNT_SLICE_US at once, and what the
 * last partition of it takes. */
#pragma once

#include "cmd/server/shards/shards.h"
#include "common/base/shared.h"

#define COUNT_SLICE_US   ((mono_us)400 * US_PER_MS)
#define COUNTED_KEYS_MAX 200000

enum counted { COUNTED_OBSERVATIONS, COUNTED_PACKETS, COUNTED_ADVERTS, COUNTED_KINDS };

struct shard_counts {
    struct shared shared;
    bool is_known[COUNTED_KINDS];
    int64_t total[COUNTED_KINDS];
    struct counted_key {
        uint64_t key; /* an observer's number; the beginning of a node's key */
        int64_t count;
    } * keys[COUNTED_KINDS]; /* owned; ascending */
    size_t key_count[COUNTED_KINDS];
};

struct shard_counting;

NODISCARD struct shard_counting *shard_counting_new(struct shards *shards);
void shard_counting_free(struct shard_counting *counting); /* accepts NULL */
/* Goes on where it was; what is known now is what shards_counts gives. False = not all is, which
 * the next call may change. */
bool shard_count_some(struct shard_counting *counting);

/* The newest, with a reference; NULL = nothing was counted yet. */
const struct shard_counts *shards_counts(struct shards *shards);
/* A key's; DIRECTORY_UNKNOWN while it is not known. counts may be NULL. */
int64_t shard_counts_of(const struct shard_counts *counts, enum counted kind, uint64_t key);
void shard_counts_unref(const struct shard_counts *counts); /* accepts NULL */
