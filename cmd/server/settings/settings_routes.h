/* SPDX-License-Identifier: MIT
 *
 * settings_routes - the rows of /api/config/..., /api/iata-coords and /api/known-channels. */
#pragma once

#include "cmd/server/http/route.h"

extern const struct route_family settings_routes;
