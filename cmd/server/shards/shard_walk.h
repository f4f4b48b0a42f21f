/* SPDX-License-Identifier: MIT
 *
 * shard_walk - which packets a page holds (packets/walk.h), out of the facts.
 *
 * A walk goes through windows of whole hours, from the newest back (or the other way), that grow as
 * long as they give little. In each, every shard gives its candidates in order, as many as are
 * wanted, by a statement that leaves out what can't pass; those are merged, their bundles are read,
 * and what the filter says is looked at again there, of the whole packet. The order is (ms, hash),
 * ms being the first receipt, or by reception the last (ascending: the first) by the filter's
 * observers.
 * I1. A packet stands in one place: one whose true place lies in another window is passed over.
 * I2. Nothing reads on and on: after SHARD_WALK_US, or with a full basket, the page ends with what
 *     it found: is_complete is false, and its cursor goes on there.
 * I3. By reception what is received later than the first page's top moves nothing.
 * Threads: that of the asking. Errors: false = no memory; a question that failed is its own. */
#pragma once

#include "cmd/server/packets/filter.h"
#include "cmd/server/packets/walk.h"

#define SHARD_WALK_US ((mono_us)1800 * US_PER_MS)

struct asking;

bool shard_walk(struct asking *asking, struct walk *walk, const struct filter *filter,
                const struct walk_order *order);
