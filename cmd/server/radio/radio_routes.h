/* SPDX-License-Identifier: MIT
 *
 * radio_routes - the family's table. Constant data. */
#pragma once

#include "cmd/server/http/route.h"

extern const struct route_family radio_routes;
