/* SPDX-License-Identifier: MIT
 *
 * perf_window - percentiles of the last PERF_WINDOW_SIZE samples. One thread. Adding is a store;
 * asking sorts a copy (about 50 us), so ask once a second. */
#pragma once

#include "common/base/base.h"

#define PERF_WINDOW_SIZE 1024

struct perf_window {
    double samples[PERF_WINDOW_SIZE];
    uint64_t count; /* ever added */
};

void perf_window_add(struct perf_window *window, double sample);
/* out: p50, p95, p99, max by nearest rank; NaN when there is no sample. */
void perf_window_percentiles(const struct perf_window *window, double out[static 4]);
