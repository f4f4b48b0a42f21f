/* SPDX-License-Identifier: MIT
 *
 * airports - where the airports lie after which meshes name their regions: IATA code, latitude,
 * longitude, embedded at build time from airports.txt, which names its source.
 *
 * Threads: constant data. Cost: a pass over 160 KiB. */
#pragma once

#include "cmd/server/web/web_assets.h"
#include "common/json/json_write.h"

/* airports.txt, by embed.cmake; one row. */
extern const struct web_asset airports_bytes[];

/* {coords: {<IATA>: {lat, lon}}, source} */
void airports_write(struct json_write *w);
