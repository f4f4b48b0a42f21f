/* SPDX-License-Identifier: MIT
 *
 * version - what this build is. Static text. */
#pragma once

const char *version_number(void);
const char *version_commit(void);
/* RFC 3339; when the build of this commit began. */
const char *version_build_time(void);
