/* SPDX-License-Identifier: MIT
 *
 * config_geo - the value of geo_filter: a polygon or a box.
 *
 * I1. What does not count for the shape is zero, so that areas of one meaning are equal. I2. A
 *     polygon has 3 to GEO_POINTS_MAX points, the first not repeated; neither shape crosses the
 *     180th meridian.
 * Threads: any. Ownership: the area owns its points. */
#pragma once

#include "common/config/config_option.h"

/* struct geo_area; an object that gives neither shape is GEO_NONE. */
extern const struct config_type config_type_geo;
