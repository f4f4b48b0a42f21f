/* SPDX-License-Identifier: MIT
 *
 * sync_thread - brings the ring to the disk every syncIntervalMs: what a power loss may
 * cost at most.
 *
 * A thread of its own, because msync waits for the disk and the main loop has beats to
 * publish. After a failed sync the intake no longer trusts the ring (QoS 1 waits, the rest is
 * dropped{spool_error}) until one succeeds. (kill -9 needs none of this: the page cache
 * belongs to the kernel.) Threads: start, stop on one; is_failing on any. Stops within one
 * interval and one sync. */
#pragma once

#include "cmd/ingestor/receive/intake.h"

struct sync_thread;

/* Borrows ring and intake until stop. STATUS_NO_MEMORY: no memory or no thread. */
NODISCARD enum status sync_thread_start(struct ingest_buffer *ring, struct intake *intake,
                                        int interval_ms, struct sync_thread **out_sync);
void sync_thread_stop(struct sync_thread *sync); /* NULL accepted */
bool sync_thread_is_failing(const struct sync_thread *sync);
