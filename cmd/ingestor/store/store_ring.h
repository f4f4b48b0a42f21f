/* SPDX-License-Identifier: MIT
 *
 * store_ring - the flusher's half of the ledger: where each ring is, what became of its messages,
 * and the chains that are closed; and the dead letters (store_dead_letter in store.h).
 *
 * I1. A ring's cursor and outcomes are written in the transaction of the rows that they count.
 * I2. Only outcomes that changed since the last save or load are written; of a ring that the 256
 *     baselines have lost all are, which is right because they are absolute.
 * Errors and threads as store.h. uint64 counters are kept as int64: 2^63 messages are
 * centuries away. */
#pragma once

#include "cmd/ingestor/facts/outbox.h"
#include "cmd/ingestor/refused/refusals.h"
#include "cmd/ingestor/store/store.h"

struct store_ring {
    uint8_t uuid[RING_UUID_BYTES], chain[RING_UUID_BYTES];
    char source[RING_SOURCE_MAX + 1];
    struct ring_cursor cursor;
    struct flusher_tuple tuple; /* of this ring alone */
    int64_t created_ms;
    uint64_t appended; /* the chain's, when this was saved */
};
/* STATUS_NOT_FOUND: never seen: cursor {0,0}. */
NODISCARD enum status store_cursor_load(struct store *store,
                                        const uint8_t uuid[static RING_UUID_BYTES],
                                        struct store_ring *out);
/* Inside a transaction. Writes only outcomes that changed since the last save or load
 * of this ring. */
NODISCARD enum status store_cursor_save(struct store *store, const struct store_ring *ring);
/* The sum over all rings of a chain other than `except` (rings that are gone; NULL = all). */
NODISCARD enum status store_chain_sum(struct store *store,
                                      const uint8_t chain[static RING_UUID_BYTES],
                                      const uint8_t *except, struct flusher_tuple *out);
/* The receiver's last tuple of a chain whose source is gone, kept with its ledger row. Inside
 * a transaction. */
NODISCARD enum status store_chain_close(struct store *store,
                                        const uint8_t chain[static RING_UUID_BYTES],
                                        const struct receiver_tuple *tuple);
/* The receiver's outcomes so far, those that differ from `before`: what is left of them when the
 * chain's file is gone. Inside a transaction. */
NODISCARD enum status store_chain_note(struct store *store,
                                       const uint8_t chain[static RING_UUID_BYTES],
                                       const struct receiver_tuple *tuple,
                                       const struct receiver_tuple *before);
/* A ring of it is there: it is not closed, whatever was said before. Inside a transaction. */
NODISCARD enum status store_chain_reopen(struct store *store,
                                         const uint8_t chain[static RING_UUID_BYTES]);
/* A closed chain as the ledger shows it after a restart: both halves. */
struct store_closed_chain {
    uint8_t chain[RING_UUID_BYTES];
    char source[RING_SOURCE_MAX + 1];
    int64_t created_ms; /* of its oldest ring */
    struct receiver_tuple receiver;
    struct flusher_tuple flusher;
    uint64_t lost; /* of an open one: appended at the last save and not consumed */
};
/* Every closed chain once; *chain is borrowed for the call of `each`. */
NODISCARD enum status store_closed_chains(struct store *store,
                                          void (*each)(void *context,
                                                       const struct store_closed_chain *chain),
                                          void *context);

/* Every chain that is not closed, likewise; the receiver's half is what the last save knew. */
NODISCARD enum status store_open_chains(struct store *store,
                                        void (*each)(void *context,
                                                     const struct store_closed_chain *chain),
                                        void *context);
/* *out: is there a word of its end? */
NODISCARD enum status store_chain_is_closed(struct store *store,
                                            const uint8_t chain[static RING_UUID_BYTES], bool *out);
/* Its file is gone: `lost` counts as consumed and dropped (gap), and the chain is closed. The
 * cursor stays: should the file come back, it is read on. One that no cursor was ever saved of gets
 * a row. *chain is brought up to that. Inside a transaction. */
NODISCARD enum status store_chain_lose(struct store *store, struct store_closed_chain *chain);

/* A poison record, kept whole for a person to look at: source, topic, payload, receipt. */
NODISCARD enum status store_dead_letter(struct store *store, const char *source,
                                        const struct ring_message *message, const char *reason);

/* Where packets leave for another store; NULL = they stay here. */
struct outbox *store_outbox(struct store *store);
/* Messages that are not stored: rows and counts of the same transactions (refusals.h). */
struct refusals *store_refusals(struct store *store);

/* --- for the room ----------------------------------------------------------------------------- */

NODISCARD enum status store_ring_open(struct store *store, struct err *err);
void store_ring_close(struct store *store); /* accepts one that was never open */
void store_ring_forget(struct store *store);
