/* SPDX-License-Identifier: MIT
 *
 * store_packet - the table of transmissions, and a packet as a whole (store_packet in store.h).
 * Threads and errors as store.h. */
#pragma once

#include "cmd/ingestor/store/store_observation.h"

/* Prepares its statements, once, before the first call. */
NODISCARD enum status store_packet_open(struct store *store, struct err *err);

/* Where the large rows go: one table of functions for each engine, chosen when the store is opened.
 * Everything else of a packet (its observer, its node, limits, outcomes) is the same with both. */
struct store_facts {
    /* The transmission of packet->hash, which the cache does not have; STATUS_NOT_FOUND. */
    enum status (*find)(struct store *, const struct store_packet *, struct hash_cache_entry *);
    enum status (*insert)(struct store *, const struct store_packet *, bool is_forged,
                          struct hash_cache_entry *);
    /* Of a new GRP_TXT; entry->subject becomes its channel. */
    enum status (*message)(struct store *, const struct store_packet *, struct hash_cache_entry *);
    /* A further copy; it may be the earliest. */
    enum status (*copy)(struct store *, const struct store_packet *, struct hash_cache_entry *);
    enum status (*observation)(struct store *, const struct store_packet *,
                               const struct store_observed *); /* EXISTS: it was a copy */
    bool has_rows; /* of transmissions and observations: their ids are row ids, and are counted */
};
extern const struct store_facts store_facts_sqlite, store_facts_outbox;
