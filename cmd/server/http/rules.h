/* SPDX-License-Identifier: MIT
 *
 * rules - what the operator allows whom, as http applies it to every request, whatever its route.
 * Constant data; what it points to lives as long. A reload replaces them as a whole
 * (http_use_rules). Zeros = nothing is restricted, and nobody else's pages may read answers. */
#pragma once

#include "cmd/server/fields/access.h"
#include "cmd/server/fields/cors.h"
#include "cmd/server/fields/forwarded.h"
#include "common/base/shared.h"

struct http_rules {
    struct shared shared;          /* zeroed = nobody counts who holds them */
    struct cors cors;              /* corsAllowedOrigins */
    const struct http_keys *keys;  /* NULL = none */
    int requests_per_second;       /* of a client (rateLimitPerSecond); 0 = no limit */
    const struct network *proxies; /* trustedProxies: who may say for whom it asks */
    size_t proxy_count;
};
