/* SPDX-License-Identifier: MIT
 *
 * forecast - how fast the database grows, and for how many days there is room.
 *
 * The growth is the median of the slopes between every two points (Theil and Sen): a night of
 * retention, a vacuum or an import that made a step does not tilt it, as it does a regression.
 * I1. Too short a time says nothing: NaN, never 0. I2. What does not grow has no day on which it is
 *     full: NaN.
 * Pure. Cost: 168 points 1 ms. */
#pragma once

#include "common/base/base.h"

#define FORECAST_POINTS_MAX   168
#define FORECAST_POINTS_LEAST 6
#define FORECAST_SPAN_LEAST_S 1800

struct forecast_point {
    int64_t unix_s;
    double bytes;
};

struct forecast {
    double growth_per_day;              /* bytes; NaN = not known */
    int64_t basis_s;                    /* the time that it was read from; 0 = too short a one */
    double days_to_disk, days_to_limit; /* NaN = not known, or not growing, or no such limit */
};

struct forecast_room {
    double bytes;     /* of the database; NaN = not known */
    double disk_free; /* the same */
    double limit;     /* what the database may have; NaN = not known, or all */
};

/* points in the order of time, at most FORECAST_POINTS_MAX. The days are not known then. */
void forecast_growth(const struct forecast_point *points, size_t count, struct forecast *out);
/* Of the growth that stands there. */
void forecast_days(const struct forecast_room *room, struct forecast *forecast);
