/* SPDX-License-Identifier: MIT
 *
 * ledger - where a received message may end; the one list of reasons.
 *
 * Every received message ends in exactly one outcome (promise P1):
 *   received = committed + duplicate + filtered + rejected + dropped + dead + queued.
 * Two processes count, independently of each other:
 *   the receiver's half lives in the ring header: received, appended, and its own outcomes;
 *   the flusher's half lives in the database:     consumed, and its own outcomes, in the
 *                                                 transaction of the rows themselves.
 *   queued      = appended - consumed
 *   unaccounted = (received - appended - receiver outcomes) + (consumed - flusher outcomes)   -> 0
 *
 * X(id, bucket, reason, side). The text of bucket and reason stands in the stats file
 * (`ledger.sources.<name>.<bucket>.<reason>`), in Prometheus labels and in the database
 * (`<bucket>.<reason>`): never rename one. committed, duplicate and dead have no reason.
 * The receiver's rows stand first, and their places are the ring file's format (ring_format.h): a
 * new one goes behind the last of them. A row of the flusher may go anywhere behind those.
 * Which option decides stands in refusal.h. */
#pragma once

#include "common/base/base.h"

#define OUTCOME_LIST(X)                                                                            \
    /* decided by the receiver, before the ring */                                                 \
    X(FILTERED_RATE, filtered, "rate", RECEIVER)                                                   \
    X(REJECTED_TOO_LARGE, rejected, "too_large", RECEIVER)                                         \
    X(DROPPED_SOFT, dropped, "soft_backpressure", RECEIVER)                                        \
    X(DROPPED_QUEUE_FULL, dropped, "queue_full", RECEIVER)                                         \
    X(DROPPED_SPOOL, dropped, "spool_error", RECEIVER) /* ring can't be written or synced */       \
    /* decided by the flusher, behind it */                                                        \
    X(COMMITTED, committed, "", FLUSHER)                                                           \
    X(DUPLICATE, duplicate, "", FLUSHER)                                                           \
    X(DEAD, dead, "", FLUSHER)                                                                     \
    X(DROPPED_GAP, dropped, "gap", FLUSHER)               /* ring record damaged or overwritten */ \
    X(FILTERED_TOPIC, filtered, "topic", FLUSHER)         /* not a kind of message we store */     \
    X(FILTERED_KEEPALIVE, filtered, "keepalive", FLUSHER) /* says that it lives, nothing else */   \
    X(FILTERED_NO_FRAME, filtered, "no_frame", FLUSHER)   /* an event, a decode: no frame in it */ \
    X(FILTERED_IATA, filtered, "iata", FLUSHER)                                                    \
    X(FILTERED_OBSERVER, filtered, "observer", FLUSHER)                                            \
    X(FILTERED_NODE, filtered, "node", FLUSHER)                                                    \
    X(FILTERED_GEO, filtered, "geo", FLUSHER)                                                      \
    X(FILTERED_MAX_NODES, filtered, "max_nodes", FLUSHER)                                          \
    X(FILTERED_MAX_OBSERVERS, filtered, "max_observers", FLUSHER)                                  \
    X(FILTERED_NEW_OBSERVERS, filtered, "new_observers", FLUSHER)                                  \
    X(FILTERED_CLIENT, filtered, "client", FLUSHER)     /* clientRx... off, or not evidence */     \
    X(FILTERED_TX, filtered, "stale_tx", FLUSHER)       /* raw contradicts a tx envelope */        \
    X(FILTERED_EMPTY, filtered, "empty", FLUSHER)       /* clears a retained message */            \
    X(REJECTED_JSON, rejected, "json", FLUSHER)         /* not one JSON object, or too deep */     \
    X(REJECTED_ENVELOPE, rejected, "envelope", FLUSHER) /* no observer, a field of wrong form */   \
    X(REJECTED_HEX, rejected, "hex", FLUSHER)                                                      \
    X(REJECTED_FRAME, rejected, "frame", FLUSHER)   /* protocol.md 1.1 to 1.3 */                   \
    X(REJECTED_ADVERT, rejected, "advert", FLUSHER) /* payload below 100 bytes */                  \
    X(REJECTED_SIGNATURE, rejected, "signature", FLUSHER)                                          \
    X(REJECTED_STORE, rejected, "store", FLUSHER) /* the database refused this row */

enum outcome {
#define X(id, bucket, reason, side) OUTCOME_##id,
    OUTCOME_LIST(X)
#undef X
        OUTCOME_COUNT,
    OUTCOME_NONE = OUTCOME_COUNT, /* no outcome: let in, accepted, the message goes on */
};

enum outcome_side { OUTCOME_SIDE_RECEIVER, OUTCOME_SIDE_FLUSHER };

struct outcome_info {
    const char *bucket, *reason; /* reason "" where the bucket has none */
    enum outcome_side side;
};
const struct outcome_info *outcome_info(enum outcome outcome);
/* "<bucket>" or "<bucket>.<reason>"; the database keeps outcomes under these names. Returns out. */
#define OUTCOME_NAME_BYTES 40
const char *outcome_name(enum outcome outcome, char *out, size_t cap);
/* The first of its bucket in the list. The list goes by who decides, so a bucket's reasons do not
 * stand together; who writes by bucket begins here and looks through the rest. */
bool outcome_begins_bucket(enum outcome outcome);
/* Received, and stored nowhere through no fault of the message: dropped, given up after it had
 * killed the writer (dead), refused by the database. */
bool outcome_is_loss(enum outcome outcome);

/* The receiver's half. Absolute since the ring chain was made; only the flusher-side entries of
 * outcomes[] stay 0. */
struct receiver_tuple {
    uint64_t received, appended;
    uint64_t outcomes[OUTCOME_COUNT];
};

/* The flusher's half. `recovered` = records the database holds although the ring, after a power
 * loss, has forgotten them: they count as received and appended. */
struct flusher_tuple {
    uint64_t consumed, recovered;
    uint64_t outcomes[OUTCOME_COUNT];
};

struct ledger {
    uint64_t received, queued;
    uint64_t outcomes[OUTCOME_COUNT];
    int64_t unaccounted;
};
/* What waits in the ring. The two halves are read a moment apart: a flusher may already have
 * consumed what the receiver's older tuple does not show. That is never a negative queue. */
static inline uint64_t ledger_queued(const struct receiver_tuple *r, const struct flusher_tuple *f)
{
    const uint64_t appended = r->appended + f->recovered;
    return appended > f->consumed ? appended - f->consumed : 0;
}
void ledger_combine(const struct receiver_tuple *r, const struct flusher_tuple *f,
                    struct ledger *out);
void ledger_add(struct ledger *total, const struct ledger *part);
