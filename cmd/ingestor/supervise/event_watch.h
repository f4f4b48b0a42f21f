/* SPDX-License-Identifier: MIT
 *
 * event_watch - what has changed since the last sample, as events with a sentence each.
 *
 * It looks at nothing but the samples that the publisher makes anyway, so whoever says a state in
 * the stats file need not know of events.
 * I1. The first sample is no change: what stands there at the start is not news. Only a source that
 *     can't connect is said, once.
 * I2. A burst (losses, retention) is two sentences or one, however long it goes on.
 * Not kept over a restart of the supervisor: the server has taken over what it saw (ops/).
 * Threads: none. Cost: comparing words, 50 us a sample with 64 sources. */
#pragma once

#include "common/stats/stats_snapshot.h"

/* A loss that goes on in less is one burst; the same of retention's slices. */
#define EVENT_WATCH_LOSS_QUIET_US  (10 * (mono_us)US_PER_S)
#define EVENT_WATCH_PRUNE_QUIET_US (60 * (mono_us)US_PER_S)
/* A wall clock that goes further from the monotonic one between two samples was set. */
#define EVENT_WATCH_CLOCK_US (2 * US_PER_S)

struct event_watch;

NODISCARD struct event_watch *event_watch_new(void); /* NULL = no memory */
void event_watch_free(struct event_watch *watch);    /* accepts NULL */
/* What has changed since the last call becomes events. */
void event_watch_look(struct event_watch *watch, const struct stats_snapshot *snapshot);
/* What no sample shows. */
void event_watch_say(struct event_watch *watch, enum stats_event_kind kind, const char *level,
                     const char *sentence);
/* Those that are kept; borrowed until the next call. */
const struct stats_events *event_watch_events(const struct event_watch *watch);
