/* SPDX-License-Identifier: MIT
 *
 * scopes_routes - the rows of /api/scope-stats and /api/analytics/scope-audit. */
#pragma once

#include "cmd/server/http/route.h"

extern const struct route_family scopes_routes;
