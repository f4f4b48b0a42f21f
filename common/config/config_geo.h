/* SPDX-License-Identifier: MIT
 *
 * config_geo - the values of geo_filter, a polygon or a box, and of areas, which are such with a
 * key and a label.
 *
 * I1. What does not count for the shape is zero, so that areas of one meaning are equal. I2. A
 *     polygon has 3 to GEO_POINTS_MAX points, the first not repeated; neither shape crosses the
 *     180th meridian. I3. One of the areas has a shape.
 * Threads: any. Ownership: the area owns its points, key and label. */
#pragma once

#include "common/config/config_option.h"

/* struct geo_area; an object that gives neither shape is GEO_NONE. */
extern const struct config_type config_type_geo;
/* struct config_areas: an object of named areas; the row's max counts them. */
extern const struct config_type config_type_areas;
