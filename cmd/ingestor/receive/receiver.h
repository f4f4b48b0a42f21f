/* SPDX-License-Identifier: MIT
 *
 * receiver - the process of one source: owns its ring, runs one feed (MQTT, the injection socket or
 * a recording), and tells the supervisor how it is.
 *
 * The receive callback does only this (intake_accept): size, receipt stamp, rate bucket, admission
 * class, copy into the ring, publish, wake the flusher. No JSON, no SQL, no log I/O, no malloc.
 * Everything else - logging of drops, status, state machine, msync - happens in the main loop and
 * the sync thread.
 *
 * Threads: main loop (state machine, beats, drop log, status); the feed's thread (paho's receive
 * thread or, for the socket, the main loop itself) calls intake_accept; the sync thread calls
 * ingest_buffer_sync. */
#pragma once

#include "cmd/ingestor/shared/control_block.h"
#include "common/config/config.h"

/* The body of the child process, after fork; never returns, ends with _exit-safe exit codes:
 * 0 in order; 65 a replay skipped malformed lines; 75 lock not free in 10 s, a QoS 1 wait that ran
 * out, or a fresh process wanted (PHASE_RENEW), none of them charged; 74 the ring can't be made (no
 * space) or synced; 71 no memory; 70 a bug, or a replay was stopped before its end. source NULL =
 * the injection receiver ("http") or the replay: slot->kind says which. */
NORETURN void receiver_run(const struct config *config, const struct config_source *source,
                           struct control_block *cb, struct worker_slot *slot);
