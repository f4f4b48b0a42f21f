/* SPDX-License-Identifier: MIT
 *
 * subpath_groups - what /api/analytics/subpaths-bulk is asked for: `2-2:50,3-3:30,5-8:15`, each
 * from so many hops to so many, and how many rows of them. Pure. */
#pragma once

#include "common/base/base.h"

#define SUBPATH_GROUPS_MAX 12

struct subpath_group {
    size_t least, most, limit;
};

/* What is asked for when nothing is: the four groups of CoreScope's page. */
#define SUBPATH_GROUPS_DEFAULT "2-2:50,3-3:30,4-4:20,5-8:15"

/* text: NULL or "" = the default. How many; 0 = it is not written so, names lengths outside
 * 2 to 8, more than 200 rows, or more than SUBPATH_GROUPS_MAX groups. */
size_t subpath_groups_read(const char *text, struct subpath_group out[static SUBPATH_GROUPS_MAX]);
