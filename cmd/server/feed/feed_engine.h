/* SPDX-License-Identifier: MIT
 *
 * feed_engine - one look of the feed (feed.h) at an engine: what has arrived there, as a batch.
 *
 * An engine's ids do not rise, and receptions arrive late and out of order. So an event's id in the
 * feed is the moment when this server saw it, in 1/1024 ms: it rises, and means about the same at
 * each server and after a restart. An event that is read for who comes back has the moment by which
 * it should have arrived (its receipt and ENGINE_LATE_MS).
 * I1. Each reception is told of once; after a restart, at another server or to who comes back, one
 *     that arrived within FEED_BACK_MS before its place may come again (observation_id tells), and
 *     none is missing.
 * I2. What may be missing (engine.h, ENGINE_LOST) is said as a gap: the log begins anew.
 * I3. Who comes back after more than FEED_REACH_MS is told of a gap: older ones are in the lists.
 * Threads: the feed's. Errors: none counts; the engine says its own. */
#pragma once

#include "cmd/server/live/live.h"
#include "cmd/server/model/asking.h"

#define FEED_ENGINE_US   US_PER_S
#define FEED_BACK_MS     5000
#define FEED_REACH_MS    MS_PER_HOUR
#define FEED_IDS_PER_MS  1024
#define FEED_ENGINE_MOST 4096 /* at once: more are a gap */

struct feed_engine;

/* Borrowed until free. NULL = no memory. */
NODISCARD struct feed_engine *feed_engine_new(struct live *live, const struct model *model);
void feed_engine_free(struct feed_engine *feed); /* accepts NULL */
/* Asks once, and posts what came. was_paused: nobody listened before. True = there is more: look
 * again at once. */
bool feed_engine_turn(struct feed_engine *feed, const struct live_standing *log, bool was_paused);
