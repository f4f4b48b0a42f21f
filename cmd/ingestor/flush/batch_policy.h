/* SPDX-License-Identifier: MIT
 *
 * batch_policy - when the flusher takes what waits, and which commits are durable. Pure: clock and
 * counts in, decision out.
 *
 * Messages gather IN THE RING, not in an open transaction (measured: 32 against 52 us a message):
 *   groupCommitMs > 0: from the first waiting message on, the window is slept out, unless
 *                      groupCommitMaxRows wait already; a receiver that waits for a durable commit
 *                      (ingestAsync false) ends it at once.
 *   groupCommitMs = 0: take as soon as anything waits, but begin transactions at least 2 ms apart.
 * Durable (synchronous FULL): once every syncIntervalMs. With a window that is at least as long,
 * every commit; else the batch itself commits NORMAL, is visible at once, and when the interval is
 * over the log is synced beside the writer (wal_sync.h), or an empty FULL commit follows - a reader
 * of a small window never waits for a disk.
 *
 * Deferred: a batch of nothing but messages that are known already moves times and the cursor, a
 * dozen pages for nothing that anybody waits for. It stays in the ring and in memory, where it
 * joins the next ones, until a batch with news, a wish for durability, a twentieth of a ring or
 * BATCH_DEFER_US end that; a kill meanwhile reads it from the ring once more.
 *
 * I1. 0 < max_rows; window and interval are not negative. I2. No stamp is ahead of `now` (one
 *     monotonic clock). Both are asserted at every entry. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"

#define BATCH_MIN_GAP_US (2 * US_PER_MS)
#define BATCH_DEFER_US   (2 * US_PER_S)
#define BATCH_DEFER_ROWS 256

struct batch_policy {
    mono_us window_us;
    mono_us sync_interval_us;
    uint64_t max_rows;
};

/* What waits and since when. */
struct batch_state {
    uint64_t waiting;      /* published records not yet taken, all rings */
    mono_us waiting_since; /* first turn that saw waiting > 0; only read when waiting > 0 */
    mono_us last_begin;    /* begin of the last transaction; 0 = none */
    bool sync_wanted;      /* a receiver waits for durability, or the flusher drains */
};

/* 0 = take now; else how long nothing needs to be taken (INT64_MAX = until something arrives). */
mono_us batch_policy_wait_us(const struct batch_policy *policy, const struct batch_state *state,
                             mono_us now);

/* Is the batch that begins now to be committed durably? unsynced = commits since the
 * last durable one. */
bool batch_policy_is_durable(const struct batch_policy *policy, mono_us now, mono_us last_durable,
                             bool sync_wanted);
/* Of batches deferred since then, `rows` with the one in hand: may it be deferred, too? */
bool batch_policy_may_defer(const struct batch_policy *policy, mono_us now, mono_us deferred_since,
                            uint64_t rows, bool sync_wanted);
/* When nothing waits: is an empty durable commit due? */
bool batch_policy_sync_due(const struct batch_policy *policy, mono_us now, mono_us last_durable,
                           bool has_unsynced, bool sync_wanted);
