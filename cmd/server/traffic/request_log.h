/* SPDX-License-Identifier: MIT
 *
 * request_log - requests in the log: a slow one always (warn), any other when the operator asks for
 * it (info, `accessLog`).
 *
 *     slow request method=GET route=/api/nodes/:key path=/api/nodes/a1 query="limit=5" status=200
 *         bytes=5120 ms=153.2 client=10.0.0.7
 *     request method=...
 *
 * Of the query only what the route declares, in its canonical form; the value of a parameter named
 * `key` or `apiKey` is not written. No header, no body: no key comes into the log.
 * I1. At most REQUEST_LOG_SLOW_LINES lines about slow requests a second; those beyond are counted,
 *     and one line says how many and the slowest of them.
 * Threads: one, the loop's that owns it. Cost: a line is a write(2). */
#pragma once

#include "cmd/server/traffic/traffic.h"

#include <stdatomic.h>

#define REQUEST_LOG_SLOW_LINES 5

struct request_log {
    const _Atomic bool *writes_all; /* constant; changes with a reload; NULL = no */
    /* of this second */
    mono_us since;
    int lines;
    uint64_t unsaid;
    mono_us slowest; /* of them */
};

/* Does this one come into the log? Then request_log_write writes it: only then need anybody know
 * the client. */
bool request_log_wants(const struct request_log *log, const struct traffic_request *request);
/* now: for the second. When request_log_say must be called; INT64_MAX = need not. */
mono_us request_log_write(struct request_log *log, const struct traffic_request *request,
                          const char *client, mono_us now);
/* Says what is unsaid when its second is over. When to call it again. */
mono_us request_log_say(struct request_log *log, mono_us now);

/* The query as it may be written, cut to cap. */
void request_log_query(const struct http_query *query, char *out, size_t cap);
