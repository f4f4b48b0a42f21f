/* SPDX-License-Identifier: MIT
 *
 * store_seen - redeliveries of messages that have no key of their own, and how new the words of
 * a message are.
 *
 * I1. The same words within ten minutes are one message; of its copies the earliest counts,
 *     whichever was stored first (the distance counts, not its sign: clocks jump back, and rings
 *     are not drained in order).
 * I2. The newest 100,000 stay, whatever their age; each that enters sheds up to two old ones.
 * Threads and errors as store.h; inside a record. Cost: two to three statements. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

#define STORE_SEEN_BYTES 8 /* of SHA-256: enough among the messages of ten minutes */

NODISCARD enum status store_seen_open(struct store *store, struct err *err);

enum store_seen_kind {
    SEEN_NEW,
    SEEN_LATER,   /* the same came within ten minutes, before this or at the same time */
    SEEN_EARLIER, /* ... but later: this one is the first now */
};
struct store_seen {
    enum store_seen_kind kind;
    int64_t former_ms; /* EARLIER: the receipt that counted until now */
};
NODISCARD enum status store_see(struct store *store, const uint8_t *hash, int64_t receipt_ms,
                                struct store_seen *out);
/* By topic, payload and retain flag. */
NODISCARD enum status store_see_message(struct store *store, const struct ring_message *message,
                                        int64_t receipt_ms, struct store_seen *out);

/* How new a message's words are: a live one's receipt; a retained one may be from any day, so its
 * own time (never later than the receipt), or 0 = older than anything. */
int64_t store_as_of(const struct ring_message *message, const struct envelope *envelope,
                    int64_t receipt_ms);
int64_t store_retained_as_of(const struct envelope *envelope, int64_t receipt_ms);
bool store_is_retained(const struct ring_message *message);
