/* SPDX-License-Identifier: MIT */
#include "cmd/server/ops/forecast.h"

#include <math.h>
#include <stdlib.h>

#define DAY_S 86400.0

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Bytes a day; NaN also without memory. */
static double slope_of(const struct forecast_point *points, size_t count)
{
    double *slopes = malloc(count * (count - 1) / 2 * sizeof *slopes);
    size_t n = 0;
    if (slopes == NULL)
        return (double)NAN;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            const double days = (double)(points[k].unix_s - points[i].unix_s) / DAY_S;
            if (days > 0)
                slopes[n++] = (points[k].bytes - points[i].bytes) / days;
        }
    }
    qsort(slopes, n, sizeof *slopes, compare);
    const double median = n > 0 ? slopes[n / 2] : (double)NAN;
    free(slopes);
    return median;
}

static double days_of(double room, double growth)
{
    return growth > 0 && isfinite(room) ? fmax(room, 0) / growth : (double)NAN;
}

void forecast_growth(const struct forecast_point *points, size_t count, struct forecast *out)
{
    *out = (struct forecast){(double)NAN, 0, (double)NAN, (double)NAN};
    count = min_size(count, FORECAST_POINTS_MAX);
    if (count < FORECAST_POINTS_LEAST ||
        points[count - 1].unix_s - points[0].unix_s < FORECAST_SPAN_LEAST_S)
        return;
    out->basis_s = points[count - 1].unix_s - points[0].unix_s;
    out->growth_per_day = slope_of(points, count);
}

void forecast_days(const struct forecast_room *room, struct forecast *forecast)
{
    forecast->days_to_disk = days_of(room->disk_free, forecast->growth_per_day);
    forecast->days_to_limit = days_of(room->limit - room->bytes, forecast->growth_per_day);
}
