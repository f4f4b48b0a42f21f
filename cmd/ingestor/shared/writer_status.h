/* SPDX-License-Identifier: MIT
 *
 * writer_status - what stands in the control block about writing: the flusher's words about each
 * source, its commits and what waits for each shard of another store, and a sender's about its
 * shard.
 *
 * I1: each is a multiple of 8 bytes without pointers (common/base/seqlock.h). Plain values. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/ring/ledger.h"
#include "common/ring/ring.h"
#include "common/stats/stats_parts.h"

#define SOURCE_NAME_BYTES STATS_SOURCE_BYTES

/* One source as the flusher sees it. */
struct flusher_source {
    char name[SOURCE_NAME_BYTES];
    struct flusher_tuple tuple;
    struct flusher_tuple taken;   /* the same, with what waits in an outbox */
    struct receiver_tuple orphan; /* of the ring header, for a source without a receiver */
    uint8_t chain[RING_UUID_BYTES];
    int64_t last_message_unix; /* when the newest commit with a message of this source returned */
    int64_t chain_created_unix_us;
};

struct flusher_status {
    int64_t database_ready;
    struct stats_commit commit;
    struct stats_storage storage;
    uint64_t writer_count;
    struct stats_writer writers[STATS_WRITERS_MAX];
};

/* flusher -> supervisor */
struct outbox_status {
    int64_t blocks, rows, bytes;
    int64_t oldest_ms; /* wall; 0 = nothing waits */
};

/* sender -> flusher (epoch, acknowledged), supervisor */
struct sender_status {
    uint64_t epoch;       /* of the outbox that the number is of (outbox.h I3) */
    int64_t acknowledged; /* every block up to this id */
    int64_t blocks, rows,
        retries;          /* acknowledged, and tries that were not; since the program began */
    int64_t away_mono_us; /* since when nothing of it answers; 0 = it does */
    int64_t busy_mono_us; /* since when an answer is waited for; 0 = none is */
    int64_t has_store;    /* store[] is one: which ClickHouse this shard belongs to */
    uint8_t store[16];
    int64_t is_permanent; /* it refuses, and would refuse again */
    char server[256];     /* asked last */
    char error[256];      /* its words, or why it can't be reached; "" = none */
    int64_t sums_behind;  /* days whose sums are not as the observations are */
    int64_t sums_unix;    /* when that was looked at; 0 = not yet */
    char sums_error[256]; /* why a day's could not be made; "" = none failed */
};
