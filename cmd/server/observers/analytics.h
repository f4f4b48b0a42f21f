/* SPDX-License-Identifier: MIT
 *
 * analytics - what one observer heard: /api/observers/{id}/analytics?days (7, 1 to 365).
 *
 * - timeline: its receptions by parts of an hour (one day asked for), 4 hours (up to a week) or a
 *   day (UTC), all parts of the window, from the hourly sums.
 * - packetTypes: the same receptions by type, from the hourly sums.
 * - snrDistribution: by steps of 2 dB, without invented ones (schema_is_invented_rf), from the
 *   daily sums: of whole days (UTC), the first that in which the window begins (`window.snrFrom`).
 *   Of both, what is not in the sums yet is counted from the receptions themselves; `complete` is
 *   false while those are more than ANALYTICS_ROWS, after an upgrade.
 * - nodesTimeline: the nodes whose adverts it heard in each part, each once a part, of its newest
 *   ANALYTICS_ROWS receptions within the window; it stops when the question is late (asking.h).
 *   `window` says from when on that is, how many receptions, and whether it is all of them.
 * - recentPackets: the newest ANALYTICS_RECENT packets that it heard or sent, the newest first.
 * What it sent itself is no reception.
 * Threads: that of the asking. Cost: 8 us a reception, since it stands on a page of its own and so
 * does its packet: 25 ms for an observer that hears much. */
#pragma once

#include "cmd/server/http/route.h"

#define ANALYTICS_DAYS     7
#define ANALYTICS_DAYS_MAX 365
#define ANALYTICS_ROWS     3000
#define ANALYTICS_RECENT   20

void analytics_answer(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply);
