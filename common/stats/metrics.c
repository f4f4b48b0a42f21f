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

const struct metric_info *metric_derived_info(enum metric_derived metric)
{
    static const struct metric_info infos[] = {
#define DERIVED(id, prometheus, kind, unit, help)                                                  \
    [METRIC_DERIVED_##id] = {"", prometheus, METRIC_KIND_##kind, unit, help},
#include "common/stats/metrics.def"
    };
    return &infos[metric];
}

const struct metric_info *metric_server_info(enum metric_server metric)
{
    static const struct metric_info infos[] = {
#define SERVER(id, prometheus, kind, unit, help)                                                   \
    [METRIC_SERVER_##id] = {"", prometheus, METRIC_KIND_##kind, unit, help},
#include "common/stats/metrics.def"
    };
    return &infos[metric];
}

const char *metric_kind_text(enum metric_kind kind)
{
    static const char *const texts[] = {
        [METRIC_KIND_COUNTER] = "counter", [METRIC_KIND_GAUGE] = "gauge",
        [METRIC_KIND_TIME] = "gauge",      [METRIC_KIND_STATE_TIME] = "gauge",
        [METRIC_KIND_SUMMARY] = "summary", [METRIC_KIND_HISTOGRAM] = "histogram"};
    return texts[kind];
}
