/* SPDX-License-Identifier: MIT
 *
 * observers_routes - the rows of /api/observers..., its list and its details. */
#pragma once

#include "cmd/server/http/route.h"

/* A longer list says `cut`, and so does one that is late (asking.h) behind the first
 * OBSERVERS_LISTED_MIN: counting the last hour alone may have taken the time. The last heard are
 * kept. */
#define OBSERVERS_LISTED_MAX 20000
#define OBSERVERS_LISTED_MIN 1000

extern const struct route_family observers_routes;
