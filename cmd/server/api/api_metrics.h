/* SPDX-License-Identifier: MIT
 *
 * api_metrics - /metrics: the ingestor's metrics (stats_prometheus) and the server's own few. Pure. */
#pragma once

#include "cmd/server/cache/answers.h"

struct api_metrics_own {
    uint64_t requests, renders, parses;
    bool is_ready;
};

/* free() it; NULL = no memory. */
NODISCARD char *api_metrics_render(const struct answer_input *in,
                                   const struct api_metrics_own *own);
