/* SPDX-License-Identifier: MIT
 *
 * geo - is a position inside the operator's area? As CoreScope's geo_filter: a polygon of at least
 * three points with a buffer around it (`bufferKm`), or else a box. Points are {latitude,
 * longitude} in degrees; an area that crosses the 180th meridian is not supported (the
 * configuration refuses it). Pure. */
#pragma once

#include "common/base/base.h"

#define GEO_POINTS_MAX 1000

struct geo_point {
    double lat, lon;
};

enum geo_shape { GEO_NONE, GEO_POLYGON, GEO_BOX };

struct geo_area {
    enum geo_shape shape;
    struct geo_point *points; /* polygon, not closed; owned by the configuration */
    size_t count;
    double buffer_km;
    struct geo_point low, high; /* box */
};

/* GEO_NONE contains everything. The edge belongs to the area. Cost: linear in the points. */
bool geo_contains(const struct geo_area *area, double lat, double lon);
/* Great-circle distance on a sphere of 6371 km (haversine). */
double geo_distance_km(struct geo_point a, struct geo_point b);
