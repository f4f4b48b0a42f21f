/* SPDX-License-Identifier: MIT
 *
 * anomaly - is a figure as it usually is? One judgement, made here, so that a page, a script and an
 * alert agree.
 *
 * The usual is the median of the whole minutes of the last hour, the newest two left out, with
 * their median absolute deviation (MAD). A minute is beyond it when it lies further above than
 * 6 MAD, twice the median (so it is three times as much) and the figure's floor, each of them; or
 * further below than 6 MAD, two thirds of the median (a third is left) and the floor.
 * I1. Three of five minutes beyond on one side make the figure HIGH or LOW; five in a row within
 *     make it USUAL again.
 * I2. What is unusual never becomes the usual by itself: while a figure is flagged its usual is
 *     frozen, and the minutes that flagged it leave it. Only what has stayed for ANOMALY_STAYS_MIN
 *     is the new usual, learned from nothing.
 * I3. A minute of which less than half is known is a gap: neither good nor bad. A program that
 *     began anew makes gaps (figures.h), never a negative rate.
 * Pure. Cost: a minute 2 us, a second an addition. */
#pragma once

#include "common/base/base.h"

#define ANOMALY_MINUTES   60
#define ANOMALY_LEFT_OUT  2
#define ANOMALY_LEAST     10 /* minutes without which nothing is known to be usual */
#define ANOMALY_LOOKED_AT 5
#define ANOMALY_BEYOND    3
#define ANOMALY_STAYS_MIN 1440
#define ANOMALY_KEPT      (ANOMALY_MINUTES + ANOMALY_LEFT_OUT)

#define ANOMALY_LIST(X)                                                                            \
    X(UNKNOWN, "unknown")   /* not known now */                                                    \
    X(LEARNING, "learning") /* known for too short a time */                                       \
    X(USUAL, "usual")                                                                              \
    X(HIGH, "high")                                                                                \
    X(LOW, "low")
enum anomaly_verdict {
#define X(id, word) ANOMALY_##id,
    ANOMALY_LIST(X)
#undef X
};
const char *anomaly_word(enum anomaly_verdict verdict);
/* 1 = above what is usual, -1 = below, 0 = neither, or not known. */
int anomaly_side(enum anomaly_verdict verdict);

struct anomaly_band {
    double median, low, high; /* NaN = nothing is known to be usual */
};

struct anomaly {
    double kept[ANOMALY_KEPT]; /* minutes, the oldest first */
    size_t count;
    int recent[ANOMALY_LOOKED_AT]; /* the last minutes: 1 above, -1 below, 0 within; as a ring */
    size_t recent_at;
    unsigned within;  /* in a row, while flagged */
    unsigned flagged; /* minutes since it was */
    enum anomaly_verdict verdict;
    struct anomaly_band band; /* of the last judgement */
    int64_t since_s;          /* the verdict's, unix; 0 = it has none yet */
    double last;              /* the last minute; NaN = a gap */
    /* the minute that goes on */
    int64_t minute;
    double sum;
    unsigned seconds;
};

void anomaly_init(struct anomaly *anomaly);
/* A value that held for so many seconds from unix_s on, all of one minute; NaN = not known. Times
 * rise. */
void anomaly_add(struct anomaly *anomaly, int64_t unix_s, unsigned seconds, double value,
                 double floor);
