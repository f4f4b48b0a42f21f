/* SPDX-License-Identifier: MIT */
#include "cmd/server/ops/silence.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static int64_t usual_gap(const struct silence_past *past)
{
    uint16_t gaps[SILENCE_GAPS];
    const size_t count = min_size(past->gap_count, SILENCE_GAPS);
    if (count < SILENCE_KNOWN)
        return STATS_UNKNOWN;
    memcpy(gaps, past->gaps, count * sizeof *gaps);
    qsort(gaps, count, sizeof *gaps, compare);
    return gaps[(count * 99 + 99) / 100 - 1];
}

/* When all slots are taken, by sources that were renamed, they begin anew. */
static size_t slot_of(struct silences *silences, const char *source)
{
    for (size_t i = 0; i < silences->count; i++) {
        if (strcmp(silences->all[i].source, source) == 0)
            return i;
    }
    if (silences->count == CONFIG_SOURCES_MAX)
        silences->count = 0;
    struct silence *s = &silences->all[silences->count];
    *s = (struct silence){
        .usual_s = STATS_UNKNOWN, .limit_s = STATS_UNKNOWN, .silent_s = STATS_UNKNOWN};
    memcpy(s->source, source, min_size(strlen(source), sizeof s->source - 1));
    silences->pasts[silences->count] = (struct silence_past){0};
    return silences->count++;
}

static int64_t limit_of(int64_t usual_s)
{
    if (usual_s == STATS_UNKNOWN)
        return STATS_UNKNOWN;
    const int64_t limit = SILENCE_TIMES * usual_s;
    return limit > SILENCE_LEAST_S ? limit : SILENCE_LEAST_S;
}

static void look(struct silence *s, struct silence_past *past, const struct stats_mqtt *m,
                 int64_t now_s)
{
    const int64_t last = m->last_packet_unix;
    s->silent_s = STATS_UNKNOWN;
    s->is_silent = false;
    /* An ingestor that began anew has heard nothing; the time without a connection is no gap. */
    if (last == STATS_UNKNOWN || last <= 0 || m->link.connected != 1) {
        past->last_s = 0;
        return;
    }
    if (last > past->last_s && past->last_s > 0) {
        past->gaps[past->gap_count++ % SILENCE_GAPS] =
            (uint16_t)(last - past->last_s > UINT16_MAX ? UINT16_MAX : last - past->last_s);
        s->usual_s = usual_gap(past);
        s->limit_s = limit_of(s->usual_s);
    }
    past->last_s = last;
    s->silent_s = now_s > last ? now_s - last : 0;
    s->is_silent = s->limit_s != STATS_UNKNOWN && s->silent_s > s->limit_s;
}

void silences_look(struct silences *silences, const struct stats_snapshot *snapshot, int64_t now_s)
{
    for (size_t i = 0; i < snapshot->mqtt_count; i++) {
        const size_t slot = slot_of(silences, snapshot->mqtt[i].name);
        look(&silences->all[slot], &silences->pasts[slot], &snapshot->mqtt[i], now_s);
    }
}

void silences_forget(struct silences *silences)
{
    for (size_t i = 0; i < silences->count; i++) {
        silences->all[i].silent_s = STATS_UNKNOWN;
        silences->all[i].is_silent = false;
    }
}
