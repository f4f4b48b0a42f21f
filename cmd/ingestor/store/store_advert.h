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

/* The sender's clock is more than a day ahead of this receipt: the advert counts as
 * of its receipt. */
bool store_advert_is_ahead(const struct meshcore_advert *advert, int64_t receipt_ms);
/* The advert's signature has been verified. is_alive = heard from the node itself, not handed on.
 * is_new = the advert is counted. A further copy needs no second call, unless the clock was ahead
 * at the earliest receipt known so far: how new its words are depends on the receipts then.
 * out->outcome FILTERED_MAX_NODES: nothing was written, *out_id is 0. */
NODISCARD enum status store_node_upsert(struct store *store, const struct store_packet *packet,
                                        bool is_alive, bool is_new, int64_t *out_id,
                                        struct store_result *out);
/* True in *out: this frame was refused before for its signature; its row knows of this copy. */
NODISCARD enum status store_drop_again(struct store *store, const struct store_packet *packet,
                                       bool *out);
NODISCARD enum status store_drop_insert(struct store *store, const struct store_packet *packet);
