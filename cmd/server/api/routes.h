/* SPDX-License-Identifier: MIT
 *
 * routes - the families' tables as one. */
#pragma once

#include "cmd/server/api/families.h"

/* Fills the joined table and says how many rows it has. */
size_t routes_join(struct route_family out[static API_FAMILY_COUNT]);
