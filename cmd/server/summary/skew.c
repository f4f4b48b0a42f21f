/* SPDX-License-Identifier: MIT */
#include "cmd/server/summary/skew.h"

#include "common/base/clock.h"

#include <math.h>
#include <stdlib.h>

#define SLOPES_MAX (SKEW_SAMPLES_MAX * (SKEW_SAMPLES_MAX - 1) / 2)

double skew_of(const struct skew_sample *sample)
{
    return (double)(sample->advert_s * MS_PER_S - sample->receipt_ms) / MS_PER_S;
}

bool skew_is_bad(const struct skew_sample *sample)
{
    return fabs(skew_of(sample)) >= SKEW_CRITICAL_S;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static double median_of_newest(const struct skew_sample *samples, size_t count)
{
    double values[SKEW_SAMPLES_MAX] = {0};
    for (size_t i = 0; i < count; i++)
        values[i] = skew_of(&samples[i]);
    return median(values, count);
}

static double drift(const struct skew_sample *samples, size_t count)
{
    double slopes[SLOPES_MAX] = {0};
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            const int64_t apart_ms = samples[i].receipt_ms - samples[j].receipt_ms;
            if (llabs(apart_ms) < (int64_t)SKEW_SLOPE_MIN_S * MS_PER_S)
                continue;
            slopes[found++] = (skew_of(&samples[i]) - skew_of(&samples[j])) /
                              ((double)apart_ms / (double)MS_PER_DAY);
        }
    }
    return found == 0 ? 0 : median(slopes, found);
}

const char *skew_severity(double recent_median_s)
{
    const double off = fabs(recent_median_s);
    return off < SKEW_WARNING_S    ? "ok"
           : off < SKEW_CRITICAL_S ? "warning"
           : off < SKEW_ABSURD_S   ? "critical"
           : off < SKEW_NO_CLOCK_S ? "absurd"
                                   : "no_clock";
}

void skew_measure(const struct skew_sample *samples, size_t count, struct skew *out)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += skew_of(&samples[i]);
    *out = (struct skew){
        .mean_s = sum / (double)count,
        .median_s = median_of_newest(samples, count),
        .last_s = skew_of(&samples[0]),
        .drift_per_day_s = drift(samples, count),
        .sample_count = count,
        .recent_count = min_size(count, SKEW_RECENT),
    };
    out->recent_median_s = median_of_newest(samples, out->recent_count);
    for (size_t i = 0; i < out->recent_count; i++)
        out->recent_bad_count += skew_is_bad(&samples[i]);
    out->good_fraction = 1 - (double)out->recent_bad_count / (double)out->recent_count;
    out->severity = skew_severity(out->recent_median_s);
}
