/* SPDX-License-Identifier: MIT
 *
 * clocks - how far observers' clocks are off: /api/observers/clock-skew.
 *
 * offsetSec: of an observer that lists show and that was heard within 24 hours, the median, over
 * its newest CLOCK_SAMPLES receptions whose messages hold a time, of that time minus our receipt,
 * in seconds (+ = its clock is ahead). The way to us is in it: a second or two as a rule. Those
 * without such a reception are left out. At most CLOCK_OBSERVERS, the last heard.
 * Threads: that of the asking. Cost: 40 us an observer. */
#pragma once

#include "cmd/server/http/route.h"

#define CLOCK_SAMPLES   20
#define CLOCK_OBSERVERS 2000

void clocks_answer(struct asking *asking, const struct http_request *request,
                   struct http_reply *reply);
