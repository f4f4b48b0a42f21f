/* SPDX-License-Identifier: MIT
 *
 * packet_history - how many messages a source has brought in the last five minutes: its total, once
 * a second, for so long.
 *
 * A total that falls is a new ring's, which counts from zero. Threads: none. Limits: a slot for
 * each source that may be configured; of more (renamed ones) the oldest starts again. */
#pragma once

#include "common/base/clock.h"
#include "common/config/config.h"
#include "common/stats/stats_parts.h"

#define PACKET_HISTORY_S 300

struct packet_history {
    struct {
        char source[STATS_SOURCE_BYTES];
        int64_t totals[PACKET_HISTORY_S];
        int64_t first_second, last_second; /* monotonic seconds that are filled, inclusive */
    } slots[CONFIG_SOURCES_MAX];
};

/* total: STATS_UNKNOWN before there is a ring; counted from there, its past would be news. */
int64_t packet_history_last_5m(struct packet_history *history, const char *source, int64_t total);
