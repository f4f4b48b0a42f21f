/* SPDX-License-Identifier: MIT
 *
 * version - what this build is. Static text. */
#pragma once

const char *version_number(void);
const char *version_commit(void);
