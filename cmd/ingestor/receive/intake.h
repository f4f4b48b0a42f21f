/* SPDX-License-Identifier: MIT
 *
 * intake - what happens to a message between its feed and the ring: size, receipt stamp, rate
 * bucket, admission class, copy, wake. The receive callback is this and nothing else: no JSON, no
 * SQL, no log, no malloc.
 *
 * I1. Every call ends in exactly one recorded outcome (ring.h I2), or does not return at all: then
 *     the process ends and the broker still owns the message.
 * I2. A QoS 1 message on a persistent session is never dropped. While the ring is full, or can't be
 *     made durable, intake_accept WAITS: it publishes PHASE_WAIT, and counts nothing before the
 *     outcome is known. After wait_limit it calls give_up(EXIT_LOCKED), which must not return: to
 *     return from the receive callback is to acknowledge.
 * I3. With wait_durable (ingestAsync false) an accepted message, of any QoS, returns only when the
 *     flusher has committed it durably, or after wait_limit: by then it is in the ring, which no
 *     kill can empty.
 * I4. wait_limit is under half the keep-alive: a callback that waits also stops our pings, and past
 *     1.5 times the keep-alive the broker throws us out.
 *
 * Threads: intake_accept on the feed's thread, one call at a time; intake_is_waiting,
 * intake_last_receipt, intake_distrust on any.
 * Ownership: borrows ring, cb and slot; owns the buckets and the sightings. Cost: 0.3 us,
 * two clock reads. */
#pragma once

#include "cmd/ingestor/shared/control_block.h"
#include "common/ring/ingest_buffer.h"

struct intake;

struct intake_params {
    struct ingest_buffer *ring;
    struct control_block *cb;
    struct worker_slot *slot;
    uint64_t max_message_bytes;
    int observer_max_per_second; /* 0 = no buckets */
    bool is_persistent;          /* the source has a persistent session */
    bool wait_durable;
    /* The feed reads a recording: a receipt of the message's own is kept, and every message is of
     * the priority class, because the feed has waited for room. */
    bool is_replay;
    mono_us wait_limit;
    uint64_t seed;
    /* Ends the process; never returns. EXIT_CLEAN = told to stop while it waits. */
    void (*give_up)(void *context, enum exit_code code);
    void *give_up_context;
};

/* NULL = no memory. */
NODISCARD struct intake *intake_new(const struct intake_params *params);
void intake_free(struct intake *intake);

/* Stamps the receipt itself; message->receipt (but for a replay) and the flags of its admission
 * class are ignored. The payload is not read when payload_len is over max_message_bytes.
 * OUTCOME_NONE = accepted, else the outcome that was counted. */
enum outcome intake_accept(struct intake *intake, const struct ring_message *message);

/* No message is let in any more: a call that comes, or waits, never returns. Returns when none is
 * at work in the ring. For who is about to end the process; the main loop. */
void intake_close(struct intake *intake);

bool intake_is_waiting(const struct intake *intake);
/* Newest message that was not a retained one (those the broker sends by itself); 0 = none yet. */
mono_us intake_last_receipt(const struct intake *intake);
/* The ring can't be synced: from now on QoS 1 waits and the rest is dropped{spool_error}. */
void intake_distrust(struct intake *intake, bool is_failed);
