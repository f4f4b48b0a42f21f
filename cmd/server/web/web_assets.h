/* SPDX-License-Identifier: MIT
 *
 * web_assets - the page's files, embedded at build time (web/embed.cmake). Ends with a row whose
 * name is NULL. */
#pragma once

#include <stddef.h>

struct web_asset {
    const char *name;
    const char *type; /* Content-Type */
    const unsigned char *bytes;
    size_t len;
};

extern const struct web_asset web_assets[];
