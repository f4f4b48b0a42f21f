/* SPDX-License-Identifier: MIT
 *
 * stats_events - the last changes of state, each a sentence for people.
 *
 * Kept by the supervisor (in the stats file) and by the server, which takes over what it finds
 * there. What happens again and again, a source that flaps, must not push everything else out: the
 * same kind of event of the same subject within its repeat time is the event of before, counted,
 * and stands at the end with a number of its own. So 200 of them reach back far.
 * I1. At most STATS_EVENTS_MAX; numbers rise from the first to the last and are never given twice.
 * I2. A level is pass, warn or fail, as in healthz; a kind one word of STATS_EVENT_KINDS.
 * Threads: plain values. Cost: adding moves 56 KB at worst. */
#pragma once

#include "common/base/base.h"
#include "common/stats/stats_parts.h"

#define STATS_EVENTS_MAX 200
/* An older one leaves: the file is written every second, and its bytes wear an SD card. */
#define STATS_EVENTS_KEPT_S (7 * INT64_C(86400))

#define STATS_EVENT_REPEAT_S 600
#define STATS_EVENT_DAY_S    86400

/* X(id, word, seconds in which the same again is the same) */
#define STATS_EVENT_KINDS(X)                                                                       \
    X(START, "start", 0)                                                                           \
    X(STOP, "stop", 0)                                                                             \
    X(RELOAD, "reload", STATS_EVENT_REPEAT_S)                                                      \
    X(SOURCE, "source", STATS_EVENT_REPEAT_S)                                                      \
    X(WORKER, "worker", STATS_EVENT_REPEAT_S)                                                      \
    X(PRESSURE, "pressure", STATS_EVENT_REPEAT_S)                                                  \
    X(LOSS, "loss", STATS_EVENT_REPEAT_S)                                                          \
    X(DATABASE, "database", STATS_EVENT_REPEAT_S)                                                  \
    X(RETENTION, "retention", STATS_EVENT_DAY_S)                                                   \
    X(CLOCK, "clock", STATS_EVENT_REPEAT_S)                                                        \
    X(INGESTOR, "ingestor", STATS_EVENT_REPEAT_S)                                                  \
    X(FIGURE, "figure", STATS_EVENT_REPEAT_S)
enum stats_event_kind {
#define X(id, word, repeat_s) STATS_EVENT_##id,
    STATS_EVENT_KINDS(X)
#undef X
};

const char *stats_event_kind_word(enum stats_event_kind kind);

struct stats_event {
    int64_t id;
    int64_t at_unix, last_unix; /* of the first and the last of `times` */
    int64_t times;
    char level[8], kind[16];
    char subject[STATS_WORKER_BYTES]; /* a source, a worker, a figure; "" = the whole */
    char text[200];
};

/* What may be the same again: its kind, its subject, its level, and what is said of it. */
struct stats_events {
    struct stats_event all[STATS_EVENTS_MAX]; /* the oldest first */
    const char *formats[STATS_EVENTS_MAX];    /* NULL = taken over */
    size_t count;
    int64_t last_id;
};

/* format is a literal: the same sentence about the same subject is the same event. */
PRINTF(6, 7)
void stats_events_add(struct stats_events *events, int64_t now_unix, enum stats_event_kind kind,
                      const char *level, const char *subject, const char *format, ...);
/* Of another program; it gets a number of this list. */
void stats_events_take(struct stats_events *events, const struct stats_event *event);
/* Lets those go that are older than STATS_EVENTS_KEPT_S. */
void stats_events_expire(struct stats_events *events, int64_t now_unix);
