/* SPDX-License-Identifier: MIT
 *
 * observers_routes - the rows of /api/observers..., its list and its details. */
#pragma once

#include "cmd/server/http/route.h"

/* A longer list says `cut`, and so does one that would take too long; the last heard are kept. */
#define OBSERVERS_LISTED_MAX 20000

extern const struct route_family observers_routes;
