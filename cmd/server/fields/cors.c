/* SPDX-License-Identifier: MIT */
#include "cmd/server/fields/cors.h"

#include <stdio.h>
#include <string.h>

/* A browser asks again after ten minutes. */
#define PREFLIGHT                                                                                  \
    "Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"                                         \
    "Access-Control-Allow-Headers: Content-Type, X-API-Key\r\n"                                    \
    "Access-Control-Max-Age: 600\r\n"

static bool allows_all(const struct cors *cors)
{
    for (size_t i = 0; i < cors->count; i++) {
        if (strcmp(cors->origins[i], "*") == 0)
            return true;
    }
    return false;
}

bool cors_allows(const struct cors *cors, struct cors_text origin)
{
    if (origin.text == NULL || origin.len > CORS_ORIGIN_MAX)
        return false;
    for (size_t i = 0; i < cors->count; i++) {
        if (strlen(cors->origins[i]) == origin.len &&
            memcmp(cors->origins[i], origin.text, origin.len) == 0)
            return true;
    }
    return allows_all(cors);
}

void cors_write(const struct cors *cors, struct cors_text origin, bool is_preflight,
                char out[static CORS_LINES_MAX])
{
    const char *more = is_preflight ? PREFLIGHT : "";
    out[0] = '\0';
    if (cors->count == 0)
        return;
    int n;
    if (allows_all(cors))
        n = snprintf(out, CORS_LINES_MAX, "Access-Control-Allow-Origin: *\r\n%s", more);
    else if (cors_allows(cors, origin))
        n = snprintf(out, CORS_LINES_MAX, "Vary: Origin\r\nAccess-Control-Allow-Origin: %.*s\r\n%s",
                     (int)origin.len, origin.text, more);
    else
        n = snprintf(out, CORS_LINES_MAX, "Vary: Origin\r\n");
    if (n < 0 || n >= CORS_LINES_MAX)
        out[0] = '\0'; /* can't be: the origin is bounded */
}
