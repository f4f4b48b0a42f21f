/* SPDX-License-Identifier: MIT
 *
 * wal_sync - the write-ahead log is made durable beside the writer.
 *
 * Where each message is committed alone (groupCommitMs 0), one that arrives while the writer waits
 * for the disk waits, too: at 200 messages/s an fsync of 3 ms, each 100 ms, is met by three of a
 * hundred; on a card whose sync takes 50 ms, by half of them. So a thread waits for it, and the
 * writer goes on. Measured with such a sync: p90 from publish to commit 43 -> 2 ms. What is left of
 * the p99 are checkpoints, which only the writer may make.
 *
 * I1. What was committed (NORMAL: it stands in the log) before wal_sync_ask is on the disk when
 *     wal_sync_take says SYNCED. A checkpoint meanwhile takes nothing from that: it syncs the log
 *     before it copies out of it, and the database before the log begins anew.
 * I2. One sync at a time. I3. An error is nobody's but the caller's: it commits durably itself
 *     (synchronous FULL), and SQLite meets the error or not.
 * The descriptor is held as long as the store is open, so that no error of the disk is another's to
 * hear; SQLite has no locks on this file that closing it would drop.
 * Threads: one of its own; the calls are the writer's. Lock: one, a leaf, held around no sync. */
#pragma once

#include "cmd/ingestor/shared/wake.h"

enum wal_sync_result {
    WAL_SYNC_NONE,    /* none is under way */
    WAL_SYNC_RUNNING, /* not done yet */
    WAL_SYNC_SYNCED,
    WAL_SYNC_FAILED,
};

struct wal_sync;

/* Notifies done when a sync has ended. NULL = no memory, no thread, or no such file. */
NODISCARD struct wal_sync *wal_sync_start(const char *wal_path, struct wake *done);
/* Waits for the sync that runs. Accepts NULL. */
void wal_sync_stop(struct wal_sync *sync);

/* Only while none is under way. */
void wal_sync_ask(struct wal_sync *sync);
/* SYNCED and FAILED are said once. */
enum wal_sync_result wal_sync_take(struct wal_sync *sync);
/* Has what was asked for ended, and is not taken yet? */
bool wal_sync_has_ended(struct wal_sync *sync);
