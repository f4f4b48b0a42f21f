/* SPDX-License-Identifier: MIT
 *
 * store_advert - what an advert writes beside its transmission: its node's row, or a row of
 * dropped_packets.
 *
 * I1. Nodes come from verified adverts only.
 * I2. Of dropped_packets the newest 10,000 stay, one per content hash; a further copy changes it
 *     only by being earlier. It also remembers the verdict: a forged advert is verified once,
 *     however many observers hear it.
 * Threads and errors as store.h; inside a record. */
#pragma once

#include "cmd/ingestor/store/store_core.h"

NODISCARD enum status store_advert_open(struct store *store, struct err *err);

/* The advert's signature has been verified. is_alive = heard from the node itself, not handed on.
 * is_new = the advert is counted. A further copy needs no second call, but store_node_earlier where
 * it is the earliest so far.
 * out->outcome FILTERED_MAX_NODES: nothing was written, *out_id is 0. */
NODISCARD enum status store_node_upsert(struct store *store, const struct store_packet *packet,
                                        bool is_alive, bool is_new, int64_t *out_id,
                                        struct store_result *out);
/* The content that the node told is now known to have come at packet->receipt_ms already, not first
 * at former_ms; its transmission says so. */
NODISCARD enum status store_node_earlier(struct store *store, const struct store_packet *packet,
                                         int64_t node_id, int64_t former_ms);
/* What a stored advert says, once more: changes nothing where its node has it from there or newer.
 * first_ms: its earliest receipt. */
NODISCARD enum status store_node_retell(struct store *store, const uint8_t *hash, int64_t first_ms,
                                        const struct meshcore_frame *frame);
/* True in *out: this frame was refused before for its signature; its row knows of this copy. */
NODISCARD enum status store_drop_again(struct store *store, const struct store_packet *packet,
                                       bool *out);
NODISCARD enum status store_drop_insert(struct store *store, const struct store_packet *packet);
