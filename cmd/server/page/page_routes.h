/* SPDX-License-Identifier: MIT
 *
 * page_routes - the page's rows, and a file of it for others. */
#pragma once

#include "cmd/server/http/route.h"

extern const struct route_family page_routes;

/* 404 where there is none. */
void page_asset(const char *name, struct http_reply *reply);
