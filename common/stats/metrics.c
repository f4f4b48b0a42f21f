/* SPDX-License-Identifier: MIT */
#include "common/stats/metrics.h"

const struct metric_info *metric_info(enum metric metric)
{
    static const struct metric_info infos[] = {
#define METRIC(id, json, prometheus, kind, unit, help)                                             \
    [METRIC_##id] = {json, prometheus, METRIC_KIND_##kind, unit, help},
#include "common/stats/metrics.def"
    };
    return &infos[metric];
}

const char *metric_kind_text(enum metric_kind kind)
{
    return kind == METRIC_KIND_COUNTER ? "counter" : "gauge";
}
