/* SPDX-License-Identifier: MIT */
#include "cmd/server/fields/cors.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

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

bool cors_names(const struct cors *cors, struct cors_text origin)
{
    if (origin.text == NULL || origin.len > CORS_ORIGIN_MAX)
        return false;
    for (size_t i = 0; i < cors->count; i++) {
        if (strlen(cors->origins[i]) == origin.len &&
            memcmp(cors->origins[i], origin.text, origin.len) == 0)
            return true;
    }
    return false;
}

bool cors_allows(const struct cors *cors, struct cors_text origin)
{
    return origin.text != NULL && origin.len <= CORS_ORIGIN_MAX &&
           (cors_names(cors, origin) || allows_all(cors));
}

static size_t behind_scheme(const char *origin, size_t len, const char **out_port)
{
    static const struct {
        const char *scheme, *port;
    } schemes[] = {{"http://", ":80"}, {"https://", ":443"}};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        const size_t n = strlen(schemes[i].scheme);
        if (len > n && strncasecmp(origin, schemes[i].scheme, n) == 0) {
            *out_port = schemes[i].port;
            return n;
        }
    }
    return 0;
}

/* A browser leaves out the port that goes without saying, in both headers. A proxy may write it. */
static size_t without_port(const char *host, size_t len, const char *port)
{
    const size_t n = strlen(port);
    return len > n && memcmp(host + len - n, port, n) == 0 ? len - n : len;
}

bool cors_is_of_host(struct cors_text origin, struct cors_text host)
{
    const char *port = "";
    const size_t scheme = behind_scheme(origin.text, origin.len, &port);
    const char *from = origin.text + scheme;
    const size_t len = without_port(from, origin.len - scheme, port);
    return scheme > 0 && len == without_port(host.text, host.len, port) &&
           strncasecmp(from, host.text, len) == 0;
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
