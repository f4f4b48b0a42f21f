/* SPDX-License-Identifier: MIT
 *
 * metrics - the values without labels, by index: what metrics.def calls METRIC, as an enum
 * and a table.
 *
 * Between the processes they travel as an array, so that nobody on the way names one of them.
 * I1: every row is complete; a counter's Prometheus name ends in _total and a name with a unit says
 * it (tested). Pure. Threads: any. */
#pragma once

#include "common/base/base.h"

enum metric {
#define METRIC(id, json, prometheus, kind, unit, help) METRIC_##id,
#include "common/stats/metrics.def"
    METRIC_COUNT
};

enum metric_derived {
#define DERIVED(id, prometheus, kind, unit, help) METRIC_DERIVED_##id,
#include "common/stats/metrics.def"
    METRIC_DERIVED_COUNT
};

enum metric_server {
#define SERVER(id, prometheus, kind, unit, help) METRIC_SERVER_##id,
#include "common/stats/metrics.def"
    METRIC_SERVER_COUNT
};

enum metric_kind {
    METRIC_KIND_COUNTER,
    METRIC_KIND_GAUGE,
    METRIC_KIND_TIME,       /* a moment in Unix seconds; to Prometheus a gauge */
    METRIC_KIND_STATE_TIME, /* the same, of something that is so now */
    METRIC_KIND_SUMMARY,
    METRIC_KIND_HISTOGRAM
};

struct metric_info {
    const char *json, *prometheus; /* "" = does not stand there */
    enum metric_kind kind;
    const char *unit, *help;
};
const struct metric_info *metric_info(enum metric metric);
const struct metric_info *metric_derived_info(enum metric_derived metric);
const struct metric_info *metric_server_info(enum metric_server metric);
/* As Prometheus says it. */
const char *metric_kind_text(enum metric_kind kind);
