/* SPDX-License-Identifier: MIT
 *
 * stats_prometheus - a snapshot as Prometheus' text (version 0.0.4).
 *
 * I1: an unknown value has no line. I2: all lines of a family stand together, behind its HELP and
 * TYPE. I3: of a sample that is not true any more nothing is said to be up or connected, and what
 * it says of now has no line. Pure. Threads: any. */
#pragma once

#include "common/stats/stats_snapshot.h"

#include <stdio.h>

/* {key="value", or with a comma in front; the brace stays open. */
void stats_prometheus_label(FILE *out, const char *key, const char *value, bool is_first);
/* Every metric; free() it. now = for ages. NULL = no memory. */
NODISCARD char *stats_prometheus(const struct stats_snapshot *snapshot, wall_us now);
