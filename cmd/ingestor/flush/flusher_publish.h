/* SPDX-License-Identifier: MIT
 *
 * flusher_publish - what the supervisor sees of the flusher, in the control block.
 *
 * I1. One entry per chain of rings, found by the chain, never taken back: the ledger does not
 *     forget a source.
 * I2. Absolute values: a starting flusher never adds to what it finds (but to counters).
 * Any state. Threads: the flusher's main one. */
#pragma once

#include "cmd/ingestor/flush/flusher_state.h"

/* Sources that are gone, from their ledger rows: once per connection, before any
 * ring is attached. */
NODISCARD enum status flusher_publish_closed_chains(struct flusher *f);
void flusher_publish_closed_chain(struct flusher *f, const struct store_closed_chain *chain);
/* Sources' tuples: after each commit. */
void flusher_publish_sources(struct flusher *f);
/* The slower figures (percentiles, errors): at most once a second unless `now_please`. */
void flusher_publish_status(struct flusher *f, bool now_please);
