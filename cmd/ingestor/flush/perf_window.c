/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/flush/perf_window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void perf_window_add(struct perf_window *window, double sample)
{
    window->samples[window->count++ % PERF_WINDOW_SIZE] = sample;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

void perf_window_percentiles(const struct perf_window *window, double out[static 4])
{
    static const unsigned percents[4] = {50, 95, 99, 100};
    double sorted[PERF_WINDOW_SIZE];
    const size_t n = window->count < PERF_WINDOW_SIZE ? (size_t)window->count : PERF_WINDOW_SIZE;
    memcpy(sorted, window->samples, n * sizeof sorted[0]);
    qsort(sorted, n, sizeof sorted[0], compare_doubles);
    for (size_t i = 0; i < 4; i++)
        out[i] = n > 0 ? sorted[(n * percents[i] + 99) / 100 - 1] : (double)NAN;
}
