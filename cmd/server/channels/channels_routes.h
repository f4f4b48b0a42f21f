/* SPDX-License-Identifier: MIT
 *
 * channels_routes - the rows of /api/channels... */
#pragma once

#include "cmd/server/http/route.h"

extern const struct route_family channels_routes;
