/* SPDX-License-Identifier: MIT
 *
 * http - the only file that knows civetweb. Two contexts: the main port, and (healthPort) one with
 * its own few threads for probes and metrics, so that 160 held connections can't delay a probe.
 *
 * A request is checked (framing), matched (router.h) and handed to the service's one function,
 * which gives bytes back; who that is, and what a path means, is not known here.
 * What civetweb leaves open is closed here:
 * - one mg_write per answer, header and body together, always with Content-Length;
 * - refused with 400: Content-Length twice, Content-Length beside Transfer-Encoding, a body on GET,
 *   HEAD or OPTIONS, a path or query that can't be decoded; chunked bodies with 411; bodies above
 *   HTTP_BODY_MAX with 413, too slow ones with 408. After any refusal the connection is closed, so
 *   that no unread byte is taken for a request;
 * - TLS (it crashes with OpenSSL 3): there is no way to ask for it, ports are numbers;
 * - no document root, no CGI, no form parser, no directory listing, no CORS headers.
 * Threads: the service is called in civetweb's. Stop: http_stop waits for running calls, at most
 * about 3 s. */
#pragma once

#include "cmd/server/http/ready.h"
#include "cmd/server/http/route.h"
#include "common/base/clock.h"
#include "common/base/err.h"

#define HTTP_BODY_MAX         8192
#define HTTP_BODY_DEADLINE_US (3 * US_PER_S)
#define HTTP_MAIN_THREADS     "160" /* one per connection, idle keep-alive ones too */
#define HTTP_HEALTH_THREADS   "8"

/* All borrowed until http_stop. */
struct http_service {
    const struct route_family *families; /* together the route table */
    size_t family_count;
    /* The answer to a request for one of the rows, with a reference for the caller;
     * NULL = no memory (503). */
    struct http_ready *(*answer)(void *context, const struct http_request *request);
    void *context;
};

struct http;

/* Bind host:port, and host:healthPort when it is not 0. NULL with *err set on failure. */
NODISCARD struct http *http_start(const struct http_service *service, const char *host, int port,
                                  int health_port, struct err *err);
void http_stop(struct http *http); /* accepts NULL */
