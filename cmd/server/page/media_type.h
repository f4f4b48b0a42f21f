/* SPDX-License-Identifier: MIT
 *
 * media_type - what a file is, by the end of its name: a table, never its bytes. A browser is told
 * not to guess (nosniff), so what is not in the table is only ever a download. Pure. */
#pragma once

#include "common/base/base.h"

/* Never NULL; static. */
const char *media_type(const char *path);
/* A part of a page, such as a script or a picture, and no page: a path that looks so and does not
 * exist is a mistake, not a page's address. */
bool media_type_is_part(const char *path);
