/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/shared/refusal_slots.h"

#include <assert.h>
#include <stdio.h>

void refusal_slots_note(struct refusal_slots *slots, enum refusal cause, const char *source,
                        const struct ring_message *message)
{
    assert(cause < REFUSALS_OF_RECEIVER);
    struct refusal_note note = {.number = 1,
                                .receipt = message->receipt,
                                .cause = cause,
                                .topic_len = message->topic_len,
                                .payload_len = message->payload_len};
    for (size_t i = 0; i < REFUSALS_OF_RECEIVER; i++) /* relaxed: our own, or a dead one's */
        note.number += atomic_load_explicit(&slots->counts[i], memory_order_relaxed);
    (void)snprintf(note.source, sizeof note.source, "%s", source);
    memcpy(note.topic, message->topic, (size_t)min_u64(message->topic_len, sizeof note.topic));
    seqlock_write(&slots->notes[(note.number - 1) % REFUSAL_SLOTS], &note);
    /* Release: the note before its count (I1). */
    atomic_fetch_add_explicit(&slots->counts[cause], 1, memory_order_release);
}

void refusal_slots_counts(const struct refusal_slots *slots,
                          uint64_t out[static REFUSALS_OF_RECEIVER])
{
    for (size_t i = 0; i < REFUSALS_OF_RECEIVER; i++) /* acquire: I1 */
        out[i] = atomic_load_explicit(&slots->counts[i], memory_order_acquire);
}

bool refusal_slots_read(const struct refusal_slots *slots, uint64_t number,
                        struct refusal_note *out)
{
    struct refusal_note note;
    if (!seqlock_read(&slots->notes[(number - 1) % REFUSAL_SLOTS], &note) || note.number != number)
        return false;
    *out = note;
    return true;
}
