/* SPDX-License-Identifier: MIT
 *
 * ops - how the whole is, second by second: it takes the figures, keeps them in the history, judges
 * them, looks how long there is room on the disk, and writes down what has changed as events.
 *
 * Events are the ingestor's, taken over out of its samples, and what only the server can see: that
 * the ingestor is not heard of any more, that the database can't be read or was exchanged, that a
 * figure is not as usual. They outlive the ingestor, not the server.
 * I1. Numbers of events rise, also over a restart of the server: they begin with its start, in
 *     thousandths of a second. Who knows the last one asks for what came since.
 * I2. The usual of a figure is known again soon after a restart, where the history has a file:
 *     ops_new plays its last hours (OPS_PLAYED_S) through the same rules.
 * Threads: ops_every_second by one, ops_look and ops_events by any. Lock: one, a leaf, around
 * copies. Cost: a second 50 us; the forecast, every OPS_FORECAST_S, 2,016 rows of the history. */
#pragma once

#include "cmd/server/history/history.h"
#include "cmd/server/moment/moment.h"
#include "cmd/server/ops/anomaly.h"
#include "cmd/server/ops/figures.h"
#include "cmd/server/ops/forecast.h"
#include "cmd/server/ops/silence.h"
#include "common/stats/stats_events.h"

#define OPS_PLAYED_S   (3 * INT64_C(3600))
#define OPS_FORECAST_S 300
/* From so short a time the health takes no forecast, and none that is so far away. */
#define OPS_DISK_BASIS_S (6 * INT64_C(3600))
#define OPS_DISK_FAR_S   (3650 * 86400.0)
#define OPS_TEXT_MAX     160

struct ops;

/* What is judged of a figure. */
struct ops_figure {
    double value;  /* of this second; NaN = not known */
    double minute; /* of the last whole minute, which was judged; the same */
    enum anomaly_verdict verdict;
    int64_t since_unix; /* of the verdict; 0 = there is none yet */
    struct anomaly_band band;
};

struct ops_view {
    struct ops_figure figures[FIGURE_COUNT];
    struct silence silences[CONFIG_SOURCES_MAX];
    size_t silence_count;
    struct forecast forecast;
};

/* history is borrowed. NULL = no memory. */
NODISCARD struct ops *ops_new(struct history *history);
void ops_free(struct ops *ops); /* accepts NULL */
void ops_every_second(struct ops *ops, struct moment *moment);

/* In a sentence how far it is from what is usual; "" when it is not. */
void ops_figure_text(enum figure figure, const struct ops_figure *of,
                     char out[static OPS_TEXT_MAX]);

/* As it was a second ago. */
void ops_look(struct ops *ops, struct ops_view *out);
/* The newest `most` of those behind the number `after`, the oldest first; how many. *out_last: the
 * number of the newest that there is. */
size_t ops_events(struct ops *ops, int64_t after, size_t most,
                  struct stats_event out[static STATS_EVENTS_MAX], int64_t *out_last);
