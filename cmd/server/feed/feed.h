/* SPDX-License-Identifier: MIT
 *
 * feed - the thread that looks for new observations while somebody listens, and posts them
 * (live.h).
 *
 * I1. Nobody listens: it sleeps, and renders nothing. Nothing is committed: it wakes every
 *     FEED_WAIT_US, and asks the database nothing.
 * I2. What it posts continues the log without a hole, in the order of ids, which is that of
 *     commits. Each observation is posted once.
 * I3. Who comes back for what the log does not hold is served from the database, newest first, as
 *     long as the log has room: everybody's, not each client's own.
 * I4. When it is too far behind for the log to help (FEED_BEHIND; an import, a pause without
 *     listeners), or the database is another one, the log begins anew at the newest observation;
 *     listeners are told of the gap.
 * With an engine in the place of the database what is new is asked for every FEED_ENGINE_US, and
 * I2 is feed_engine's.
 * Threads: its own. Lock: none of its own. Errors: a database that can't be read is tried again;
 * the reader says so. Cost: 15 us an observation, once, however many listen. */
#pragma once

#include "cmd/server/live/live.h"
#include "cmd/server/model/asking.h"

#define FEED_WAIT_US ((mono_us)100 * US_PER_MS)
#define FEED_BEHIND  8192 /* observations */
#define FEED_PAUSED  256  /* the same for who begins to listen when nobody did */

struct feed;

/* NULL = no memory or no thread. All borrowed until feed_stop. */
NODISCARD struct feed *feed_start(struct live *live, const struct model *model);
/* Calls live_stop. Accepts NULL. */
void feed_stop(struct feed *feed);
