/* SPDX-License-Identifier: MIT
 *
 * ingest_buffer - the writer's side of a ring (ring.h): the receiver puts messages in,
 * and never waits.
 *
 * Invariants: ring.h, I1 to I5. The positions are asserted at every entry of the pushing thread.
 *
 * Processes: only the receiver that holds the flock on ring_lock_path(source), taken by the caller.
 * Within it, push, count, is_soft and has_room are called by one thread at a time; sync, stats and
 * is_drained may be called by others.
 * Errors: open reports struct err; push returns an outcome and can't fail otherwise.
 * Ownership: the handle owns the mapping and its descriptor. Cost: push copies the message once
 * and never allocates, locks, logs or makes a system call; the caller wakes the flusher
 * (wake_notify). 0.08 us for 500 bytes, plus the kernel's page fault at the first write to a page
 * after it was synced. */
#pragma once

#include "common/ring/ledger.h"
#include "common/ring/ring.h"
#include "common/ring/ring_open.h"

struct ingest_buffer;

/* Open the source's ring, or make it (posix_fallocate: STATUS_NO_SPACE when the disk is too full),
 * sealing or moving aside what can't be used on (I5). The caller holds the source's writer lock. */
NODISCARD enum status ingest_buffer_open(const struct ring_params *params,
                                         struct ingest_buffer **out_ring, struct err *err);
void ingest_buffer_close(struct ingest_buffer *ring);
/* What opening did, for one log line. */
void ingest_buffer_open_report(const struct ingest_buffer *ring, struct ring_open_report *out);

/* True when a message without priority would be refused: records or bytes in use have reached the
 * soft threshold. A few relaxed loads; the flusher's tail is looked at only when the last known one
 * says soft. The pushing thread only. */
bool ingest_buffer_is_soft(const struct ingest_buffer *ring);

/* Returns OUTCOME_NONE when accepted, else the outcome that was counted: DROPPED_QUEUE_FULL,
 * DROPPED_SOFT (above the threshold and RING_PRIORITY not set) or REJECTED_TOO_LARGE. */
enum outcome ingest_buffer_push(struct ingest_buffer *ring, const struct ring_message *message);
/* Would push with RING_PRIORITY accept now? For QoS 1 holding, which must not count a refusal it
 * can still undo. Also true for what is too large ever to fit: waiting would not help, push rejects
 * it at once. The pushing thread only. */
bool ingest_buffer_has_room(const struct ingest_buffer *ring, uint32_t topic_len,
                            uint32_t payload_len);
/* A message that ended before the ring: received and one receiver-side outcome, in one store. An
 * outcome of the flusher's is a bug (assert). */
void ingest_buffer_count(struct ingest_buffer *ring, enum outcome outcome);

/* Has the flusher durably committed everything up to and including the last pushed record?
 * (ingestAsync false: PUBACK waits for this.) Any thread of the receiver. */
bool ingest_buffer_is_drained(const struct ingest_buffer *ring);

/* What became of the file since: a few system calls. Any thread of the receiver, one at a time. */
enum ring_file ingest_buffer_look(const struct ingest_buffer *ring);
/* Make good what look found: a ring that was cut is whole again, with all counts (what was cut off
 * and not yet consumed is a gap to its reader); one that lost its name stands under it again, a
 * copy with all that is not freed. Then close this handle and open anew: nothing may be pushed
 * or counted from before this call on. */
NODISCARD enum status ingest_buffer_mend(struct ingest_buffer *ring, struct err *err);

struct ring_stats {
    struct receiver_tuple tuple;
    uint64_t records, bytes; /* in use: pushed and not yet freed */
    uint64_t capacity_records, capacity_bytes;
    uint64_t high_water_records; /* since open */
    wall_us created;             /* of the chain */
    uint8_t uuid[RING_UUID_BYTES], chain[RING_UUID_BYTES];
};
/* Any thread of the receiver. False: the head was damaged under us (the next push writes it anew);
 * *out is as it was, and what the caller read last is the truth so far. */
NODISCARD bool ingest_buffer_stats(const struct ingest_buffer *ring, struct ring_stats *out);

/* msync of what was written since the last call, records first, then the header; any one thread,
 * beside push. STATUS_IO: the caller stops trusting; the next call tries the same range again. */
NODISCARD enum status ingest_buffer_sync(struct ingest_buffer *ring);
