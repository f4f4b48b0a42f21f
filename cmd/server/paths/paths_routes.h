/* SPDX-License-Identifier: MIT
 *
 * paths_routes - the family's table. Constant data. */
#pragma once

#include "cmd/server/http/route.h"

extern const struct route_family paths_routes;
