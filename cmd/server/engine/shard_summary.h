/* SPDX-License-Identifier: MIT
 *
 * shard_summary - the store in shards as what the background counts from (summary_source.h):
 * receptions (shard_window.h), the newest adverts of every node, the scopes that were reported, and
 * observers' days (shard_observer_days.h).
 *
 * Adverts: once all nodes, in pages by their keys; from then on, every ADVERTS_LOOK_US, those of
 * which an advert was first received since the last look, and a quarter of an hour before it.
 * Constant data. */
#pragma once

#include "cmd/server/summary/summary_source.h"

#define ADVERTS_LOOK_US ((mono_us)10 * US_PER_S)

extern const struct summary_source shard_summary;
