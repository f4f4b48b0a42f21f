/* SPDX-License-Identifier: MIT
 *
 * skew - how wrong a node's clock is, from what its adverts say the time is.
 *
 * A sample is an advert: the sender's clock minus ours at the first receipt, in seconds (+ =
 * ahead). The definitions, in seconds:
 *   mean, median   of all samples given (the newest SKEW_SAMPLES_MAX adverts of a node)
 *   last           of the newest sample
 *   recent median  of the newest SKEW_RECENT samples: what the node's clock shows now
 *   drift          per day: the median of the slopes between every two samples that lie at least
 *                  SKEW_SLOPE_MIN_S apart (Theil and Sen: one wrong sample moves it little); 0
 *                  where all samples lie closer together
 *   bad            a sample at least SKEW_CRITICAL_S off
 *   good fraction  of the recent samples, those that are not bad
 *   severity       by the recent median without its sign: below SKEW_WARNING_S "ok", below
 *                  SKEW_CRITICAL_S "warning", below SKEW_ABSURD_S "critical", below SKEW_NO_CLOCK_S
 *                  "absurd", else "no_clock" (a device that fell back to its build date)
 * Packets wait on their way, seconds as a rule; so what is a few seconds off may be right.
 * Threads: pure. */
#pragma once

#include "common/base/base.h"

#define SKEW_SAMPLES_MAX 20
#define SKEW_RECENT      5
#define SKEW_SLOPE_MIN_S 3600
#define SKEW_WARNING_S   300
#define SKEW_CRITICAL_S  3600
#define SKEW_ABSURD_S    (30 * 86400)
#define SKEW_NO_CLOCK_S  (365 * 86400)

struct skew_sample {
    int64_t receipt_ms, advert_s;
    int64_t transmission_id; /* of which it is; the arithmetic does not look at it */
};

struct skew {
    double mean_s, median_s, last_s, recent_median_s, drift_per_day_s, good_fraction;
    size_t sample_count, recent_count, recent_bad_count;
    const char *severity; /* static */
};

double skew_of(const struct skew_sample *sample);
bool skew_is_bad(const struct skew_sample *sample);
/* samples: newest first, 1 to SKEW_SAMPLES_MAX. */
void skew_measure(const struct skew_sample *samples, size_t count, struct skew *out);
const char *skew_severity(double recent_median_s);
