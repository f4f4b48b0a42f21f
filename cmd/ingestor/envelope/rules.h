/* SPDX-License-Identifier: MIT
 *
 * rules - what the operator does not want stored: lists of observers, regions and nodes, and the
 * area (operators.md). Decided before anything is written; each refusal has its own outcome in
 * the ledger.
 *
 * Names are compared without regard to case. The lists are sorted once, because they can hold
 * 10,000 entries and are asked for every message. hiddenNamePrefixes is no rule of storage: what it
 * hides is hidden on read, and comes back when the operator changes his mind.
 * Threads: immutable after rules_new. Ownership: borrows from the configuration, which
 * must outlive it. */
#pragma once

#include "cmd/ingestor/envelope/envelope.h"
#include "common/config/config.h"
#include "common/mesh/meshcore.h"
#include "common/ring/refusal.h"

struct rules;

NODISCARD struct rules *rules_new(const struct config *config); /* NULL: out of memory */
void rules_free(struct rules *rules);

/* OUTCOME_NONE = let in: by its identity and its region. */
NODISCARD enum outcome rules_observer(const struct rules *rules, const char *observer,
                                      const char *region);
/* OUTCOME_NONE = let in. source: NULL when it is not configured (any more). Phones and companion
 * bridges are no observers: only observerBlacklist concerns them. iataFilter concerns packets only:
 * a status of an observer elsewhere is how an operator sees that the observer lives. */
NODISCARD enum outcome rules_envelope(const struct rules *rules, const struct config_source *source,
                                      const struct envelope *envelope);
/* *out_is_foreign: its position is outside geo_filter; without one it belongs to every area. What
 * becomes of it the store decides (store_rules), once the signature has shown that the position is
 * its sender's. */
NODISCARD enum outcome rules_advert(const struct rules *rules, const struct meshcore_advert *advert,
                                    bool *out_is_foreign);
/* OUTCOME_NONE = let in: clientRxCoverage, and the repeater is not denied. */
NODISCARD enum outcome rules_answer(const struct rules *rules,
                                    const struct envelope_regions *answer);
/* protocol.md 7.6: the key, or the prefix of two or three bytes, of the node that a phone heard;
 * borrowed from the frame. The last hop of a flood transmitted what was heard; without hops an
 * advert's author did, if the signature is his. OUTCOME_FILTERED_CLIENT: switched off, or no
 * evidence; _NODE: the author is denied; REJECTED_ADVERT, REJECTED_SIGNATURE: there is no author,
 * or it is not he. */
NODISCARD enum outcome rules_heard(const struct rules *rules, const struct envelope_client *client,
                                   const struct meshcore_frame *frame, const uint8_t **out_heard,
                                   size_t *out_len);
/* Which of an outcome's refusals it was: asked again, for those few of whom it is written down.
 * envelope: NULL where the message was refused before it was one. */
enum refusal rules_refusal(const struct rules *rules, const struct config_source *source,
                           const struct envelope *envelope, enum outcome outcome);
