/* SPDX-License-Identifier: MIT
 *
 * refusals - the messages that were not stored: the newest REFUSALS_MAX of them as rows, all of
 * them counted by rule and hour.
 *
 * For whoever asks where his packet is (`ingestor --why`, /api/why). The ledger has the exact sums
 * for ever; here stands which message it was, as far as it is known, and which option decided.
 * I1. Rows and counts are written in the transaction of the ring cursor behind the message (the
 *     receiver's: of the count up to which its slots were taken), so kill -9 neither loses nor
 *     doubles one.
 * I2. At most REFUSALS_PER_SECOND new rows a second (refusal_gate), REFUSALS_MAX rows, counts of
 *     REFUSAL_DAYS days.
 * I3. meta.refused_from_ms rises with each row that leaves: what was refused since then and is no
 *     row was counted only.
 * These are events: nothing derives them, so --redecode leaves them as they are and an import,
 * which says itself what it refused, makes none. Retention takes them with the packets' age.
 * Threads and errors as the store; inside its transaction. Cost: a count is an addition, a row
 * about 20 us, a rule counted about 5 us a commit. */
#pragma once

#include "cmd/ingestor/refused/refusal_gate.h"
#include "common/base/clock.h"
#include "common/db/statement.h"
#include "common/ring/refusal.h"

#define REFUSALS_MAX         10000
#define REFUSAL_DAYS         7
#define REFUSAL_TOPIC_MAX    128 /* bytes of the topic that are kept */
#define REFUSAL_OBSERVER_MAX 128
#define REFUSAL_HASH_BYTES   8
#define REFUSAL_NODE_MAX     32

/* What is known of one. Holds its own bytes, but for source. */
struct refusal_facts {
    enum refusal cause;
    int64_t receipt_ms;
    const char *source;
    char topic[REFUSAL_TOPIC_MAX + 1];       /* clean text; "" = none */
    char observer[REFUSAL_OBSERVER_MAX + 1]; /* clean text; "" = not known */
    uint8_t hash[REFUSAL_HASH_BYTES], node[REFUSAL_NODE_MAX];
    bool has_hash;
    size_t node_len;  /* 0 = not known */
    int64_t bytes;    /* of the payload; -1 = not known */
    uint64_t records; /* messages that this row stands for: more than 1 for a gap */
};
/* Text and bytes of topic and observer may be anything. */
void refusal_facts_init(struct refusal_facts *facts, enum refusal cause, const char *source,
                        int64_t receipt_ms);
void refusal_facts_topic(struct refusal_facts *facts, const char *topic, size_t len);
void refusal_facts_observer(struct refusal_facts *facts, const char *observer, size_t len);

struct refusals;

/* NULL: *err says why. Lives as long as the connection. */
NODISCARD struct refusals *refusals_open(struct connection *connection, struct err *err);
/* May a message of this source that ends so have a row now? Takes one of this second's. */
bool refusals_have_room(struct refusals *refusals, const char *source, enum outcome outcome,
                        mono_us now);
/* In memory until refusals_write; with every message refused, whether it has a row or not. */
void refusals_count(struct refusals *refusals, enum outcome outcome, uint64_t records);
NODISCARD enum status refusals_add(struct refusals *refusals, const struct refusal_facts *facts);
/* Before the commit: the counts. Behind it, or behind a rollback: refusals_clear. */
NODISCARD enum status refusals_write(struct refusals *refusals, int64_t now_ms);
void refusals_clear(struct refusals *refusals);

/* Up to which counts a receiver's slots were taken, in this run of the program; each is told to
 * `each` once. */
NODISCARD enum status refusals_taken_load(struct refusals *refusals, int64_t run,
                                          void (*each)(void *context, int64_t worker, int64_t cause,
                                                       uint64_t taken),
                                          void *context);
NODISCARD enum status refusals_taken_save(struct refusals *refusals, int64_t run, int64_t worker,
                                          int64_t cause, uint64_t taken);
