/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/supervise/packet_history.h"

#include <stdio.h>
#include <string.h>

static size_t slot_of(struct packet_history *h, const char *source)
{
    size_t unused = CONFIG_SOURCES_MAX;
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++) {
        if (strcmp(h->slots[i].source, source) == 0)
            return i;
        if (unused == CONFIG_SOURCES_MAX && h->slots[i].last_second == 0)
            unused = i;
    }
    if (unused == CONFIG_SOURCES_MAX)
        unused = 0; /* more renamed sources than slots: the oldest starts again */
    memset(&h->slots[unused], 0, sizeof h->slots[unused]);
    (void)snprintf(h->slots[unused].source, sizeof h->slots[unused].source, "%s", source);
    return unused;
}

int64_t packet_history_last_5m(struct packet_history *history, const char *source, int64_t total)
{
    if (total == STATS_UNKNOWN)
        return STATS_UNKNOWN;
    const size_t slot = slot_of(history, source);
    int64_t *totals = history->slots[slot].totals;
    int64_t *first = &history->slots[slot].first_second;
    int64_t *last = &history->slots[slot].last_second;
    const int64_t second = clock_mono() / US_PER_S;
    if (*last == 0 || second - *last >= PACKET_HISTORY_S) {
        *first = second;
        *last = second;
        totals[second % PACKET_HISTORY_S] = total;
    }
    while (*last < second)
        totals[++*last % PACKET_HISTORY_S] = total;
    if (*last - *first >= PACKET_HISTORY_S)
        *first = *last - PACKET_HISTORY_S + 1;
    const int64_t before = totals[*first % PACKET_HISTORY_S];
    return total >= before ? total - before : total; /* a new ring counts from zero */
}
