/* SPDX-License-Identifier: MIT
 *
 * series - samples of a device's counters become points of a curve.
 *
 * A sample is what one status said. The definitions:
 *   reboot       the uptime did not grow since the sample before, or is shorter than the time in
 *                between (as observer_metrics_v); where an uptime is missing: a counter fell
 *   increase     of a counter: its difference to the sample before; not known across a reboot, or
 *                where one of the two is missing or it fell
 *   airtime      tx and rx, in percent: the increases of the seconds on air by the time in which
 *                they happened, of those samples alone where both are known
 *   error rate   in percent: increases of errors by the increases of errors and packets together,
 *                of the samples where both are known; not known where nothing came
 * A point is one sample, or the samples of one hour or day (UTC): noise floor and battery are then
 * the means of those that have them, counters the newest, increases the sums; at_ms is its
 * beginning.
 * Pure. Threads: a series belongs to one. */
#pragma once

#include "common/base/base.h"

struct series_sample {
    int64_t receipt_ms;
    double noise_floor, battery_mv, uptime_secs; /* NaN = not told, as all of these */
    double tx_air_secs, rx_air_secs, recv_errors, packets_sent, packets_recv;
};

struct series_point {
    int64_t at_ms;
    double noise_floor, battery_mv; /* NaN = not known, as all of these */
    double tx_air_secs, rx_air_secs, recv_errors, packets_sent, packets_recv;
    double tx_airtime_pct, rx_airtime_pct, recv_error_rate;
    bool is_reboot;
};

/* A sum of what is known, over what. */
struct series_share {
    double part, whole;
};

struct series {
    int64_t bucket_ms; /* 0 = each sample is a point */
    /* series.c only */
    struct series_sample before;
    bool has_before, is_open;
    struct series_point point;
    struct series_share noise, battery, tx, rx, errors;
};

/* before: the sample before the first that is a point; NULL = there is none. */
void series_begin(struct series *series, int64_t bucket_ms, const struct series_sample *before);
/* In the order of their receipts. True: *out is a point that is whole now. */
bool series_add(struct series *series, const struct series_sample *sample,
                struct series_point *out);
/* The last point. False = there is none. */
bool series_end(struct series *series, struct series_point *out);
/* Is `sample` the first after a reboot? */
bool series_is_reboot(const struct series_sample *before, const struct series_sample *sample);
