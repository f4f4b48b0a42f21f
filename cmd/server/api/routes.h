/* SPDX-License-Identifier: MIT
 *
 * routes - the families' tables as one. */
#pragma once

#include "cmd/server/api/families.h"

/* Fills the joined table and says how many rows it has. Of our page and the folder that stands in
 * its place (webRoot) one alone is in it: the other family has no rows. */
size_t routes_join(struct route_family out[static API_FAMILY_COUNT], bool has_folder);
