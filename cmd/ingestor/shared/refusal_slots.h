/* SPDX-License-Identifier: MIT
 *
 * refusal_slots - what a receiver refuses, told to the flusher: it never reaches the ring, and the
 * receiver neither writes a file nor waits.
 *
 * One set for each receiver, so that the flood of one source overwrites its own slots alone. The
 * newest REFUSAL_SLOTS stand there; older ones that were not taken are counted all the same.
 * I1. Note n (from 1 on) stands in slot (n - 1) % REFUSAL_SLOTS and bears its number; the counts
 *     are raised behind it. So their sum is the number of the newest note, and a note under another
 *     number has been overwritten.
 * I2. A writer that dies between note and count has not counted: the next one writes that number
 *     again.
 * Processes: one writer (the receiver of the slot), one reader (the flusher). Cost of a note: about
 * 0.1 us, and only for what is refused. Memory: 60 KiB a receiver, once it has refused so many. */
#pragma once

#include "common/base/clock.h"
#include "common/base/seqlock.h"
#include "common/ring/refusal.h"
#include "common/ring/ring.h"

#define REFUSAL_SLOTS       256
#define REFUSAL_TOPIC_BYTES 128 /* of the topic so much is kept */

struct refusal_note {
    uint64_t number;
    wall_us receipt;
    int64_t cause;                   /* enum refusal, of the receiver's */
    uint32_t topic_len, payload_len; /* as they were; the topic is cut */
    char source[RING_SOURCE_MAX + 8], topic[REFUSAL_TOPIC_BYTES];
};

struct refusal_slots {
    _Atomic uint64_t counts[REFUSALS_OF_RECEIVER];
    SEQLOCKED(struct refusal_note) notes[REFUSAL_SLOTS];
};

/* In the receiver, on the feed's thread. */
void refusal_slots_note(struct refusal_slots *slots, enum refusal cause, const char *source,
                        const struct ring_message *message);

/* In the flusher. The counts as they are; every note up to their sum was written. */
void refusal_slots_counts(const struct refusal_slots *slots,
                          uint64_t out[static REFUSALS_OF_RECEIVER]);
/* False: it has been overwritten. */
NODISCARD bool refusal_slots_read(const struct refusal_slots *slots, uint64_t number,
                                  struct refusal_note *out);
