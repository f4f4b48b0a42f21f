/* SPDX-License-Identifier: MIT
 *
 * http - the only file that knows civetweb. Two contexts: the main port, and (healthPort) one with its own
 * few threads for probes and metrics, so that 160 held connections can't delay a probe.
 *
 * What civetweb leaves open is closed here:
 * - one mg_write per answer, header and body together, always with Content-Length;
 * - refused with 400: Content-Length twice, Content-Length beside Transfer-Encoding, a body on GET, HEAD or
 *   OPTIONS; chunked bodies with 411; bodies above HTTP_BODY_MAX with 413, too slow ones with 408. After
 *   any refusal the connection is closed, so that no unread byte is taken for a request;
 * - TLS (it crashes with OpenSSL 3): there is no way to ask for it, ports are numbers;
 * - no document root, no CGI, no form parser, no directory listing, no CORS headers.
 * Threads: handlers run in civetweb's. Stop: http_stop waits for running handlers, at most about 3 s. */
#pragma once

#include "cmd/server/cache/answers.h"
#include "common/base/err.h"
#include "common/config/config.h"

#define HTTP_BODY_MAX         8192
#define HTTP_BODY_DEADLINE_US (3 * US_PER_S)
#define HTTP_MAIN_THREADS     "160" /* one a connection, idle keep-alive ones too */
#define HTTP_HEALTH_THREADS   "8"

/* What handlers may use; all borrowed, constant after start. */
struct server {
    const struct config *config;
    struct answers *answers;
    struct stats_cache *stats;
    char inject_socket[108];
};

struct http_request {
    const char *api_key; /* of X-API-Key, NULL = none */
    const char *body;    /* NUL-terminated; "" for GET */
    size_t body_len;
};

struct http_reply {
    int status;
    const char *content_type; /* NULL = JSON */
    char *body;               /* owned: moves to http, which frees it; NULL = no memory */
};

/* Fill *reply with {"error": text}. */
void http_reply_error(struct http_reply *reply, int status, const char *text);

/* /metrics (routes.c). */
void http_metrics(struct server *server, const struct http_request *request,
                  struct http_reply *reply);

struct http;

/* Bind host:port, and host:healthPort when it is not 0. NULL with *err set on failure. */
NODISCARD struct http *http_start(struct server *server, const char *host, int port,
                                  int health_port, struct err *err);
void http_stop(struct http *http);
