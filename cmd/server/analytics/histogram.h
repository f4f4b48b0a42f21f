/* SPDX-License-Identifier: MIT
 *
 * histogram - how often each value occurred, in bins of one width, and what follows from that.
 *
 * A value that fell into bin i counts as low + i * width + middle: middle is the mean offset of
 * what can occur in a bin (SNR comes in quarters of a dB: 0.375 of a bin of 1; RSSI in whole dBm: 2
 * of a bin of 5). So mean, median and deviation are as exact as the bins are wide.
 * Pure. */
#pragma once

#include "common/json/json_write.h"

struct histogram {
    const uint64_t *counts; /* borrowed */
    size_t bins;
    double low, width, middle;
};

uint64_t histogram_total(const struct histogram *h);
/* Of the lowest and highest that occurred, the bin's lower end, and the largest value in it;
 * of none: 0. */
double histogram_min(const struct histogram *h);
double histogram_max(const struct histogram *h);
double histogram_mean(const struct histogram *h);
double histogram_median(const struct histogram *h);
double histogram_deviation(const struct histogram *h);

/* {bins: [{x, w, count}], min, max}: from the lowest to the highest that occurred, as few of them
 * put together as at_most needs; x is the lower end, w the width. */
void histogram_write(struct json_write *w, const char *key, const struct histogram *h,
                     size_t at_most, double min, double max);
#define HISTOGRAM_SHAPE "{bins: [{x: num, w: num, count: int}], min: num, max: num}"

/* "2026-03-29T15", hour = ms / MS_PER_HOUR */
void hour_write(struct json_write *w, const char *key, int64_t hour);
