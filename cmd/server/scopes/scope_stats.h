/* SPDX-License-Identifier: MIT
 *
 * scope_stats - /api/scope-stats?window=1h|24h|7d.
 *
 * What is counted: receptions of the window (what an observer sent itself is none) whose route
 * carries transport codes.
 *   scoped        the first code is not 0
 *   unknownScope  of those, the ones that no region of hashRegions fits
 *   unscoped      the first code is 0
 *   transportTotal = scoped + unscoped
 * byRegion: the others of the scoped ones by name, the most first. timeSeries: by parts of 5
 * minutes, an hour or 6 hours (UTC), all parts of the window.
 * 1h is the last 3,600 seconds. 24h and 7d are this hour and the 23 or 167 before: from the hourly
 * sums of kind SCOPE, and what is not in them yet from the receptions behind their position.
 * In a store of shards all of it is counted by SQL: an hour from the rows, the others from sums.
 * Of receptions it looks at the newest SCOPE_RECEPTIONS, and stops when the question is late
 * (asking.h): `complete` says whether that was all (not so while sums are made
 * anew after an upgrade), `from` since when it is counted. Kept for SCOPE_KEPT_S.
 * Threads: that of the asking. Cost: 0.1 us a reception, 2 us a region. */
#pragma once

#include "cmd/server/http/route.h"

#define SCOPE_RECEPTIONS 1000000
#define SCOPE_KEPT_S     30

void scope_stats_answer(struct asking *asking, const struct http_request *request,
                        struct http_reply *reply);
