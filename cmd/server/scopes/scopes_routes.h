/* SPDX-License-Identifier: MIT
 *
 * scopes_routes - the row of /api/scope-stats. */
#pragma once

#include "cmd/server/http/route.h"

extern const struct route_family scopes_routes;
