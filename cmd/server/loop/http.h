/* SPDX-License-Identifier: MIT
 *
 * http - the server's two ports: a loop of our own each (http_loop.h), so that nothing on the main
 * port, not even its load, delays a probe on healthPort; and the few workers (workers.h) in which
 * routes that wait are answered.
 *
 * A request is parsed and matched (exchange.h) and handed to the service's one function, which
 * gives bytes back; who that is, and what a path means, is not known here. There is no TLS (it
 * belongs in the reverse proxy), no document root, no form parser.
 *
 * Why no library: civetweb, which Debian has, takes a thread per connection, so that whoever holds
 * connections holds probes back; nor can it be given a socket, so that a loop in front of it would
 * be a second parser of the same bytes.
 * Threads: one per loop, http_workers(); the service is called in all of them. Stop: open requests
 * finish within 3 s on the main port, then within 1 s on healthPort; then the jobs that run.
 * Limits: HTTP_SOCKETS and HTTP_HEALTH_SOCKETS connections, fewer where the system allows fewer
 * descriptors; unfinished requests and their memory: HTTP_INPUTS for each port.
 * Memory: 120 KiB a port at rest; at worst, under attack, 200 bytes a connection and 28 KiB an
 * unfinished request: 15 MiB a port, of which all but the first INPUT_WARM requests' is given back
 * afterwards. What the system holds for sockets is bounded by listener.h. */
#pragma once

#include "cmd/server/http/ready.h"
#include "cmd/server/http/route.h"
#include "common/base/clock.h"
#include "common/base/err.h"

#define HTTP_SOCKETS            4096
#define HTTP_HEALTH_SOCKETS     2048
#define HTTP_HEALTH_PER_ADDRESS 256
#define HTTP_INPUTS             512
#define HTTP_SOCKETS_MIN        64 /* however low the system's limit of descriptors is */
#define HTTP_OTHER_DESCRIPTORS  64 /* database, statistics, the ingestor's socket ... */
#define HTTP_IDLE_US            ((mono_us)75 * US_PER_S) /* above the 60 s of proxies */
#define HTTP_STALL_US           ((mono_us)10 * US_PER_S)
#define HTTP_LINGER_US          ((mono_us)5 * US_PER_S)

struct http;

/* How many requests that wait are answered at once: as many as there are cores and two, for those
 * that wait for a disk; 4 to 16. */
size_t http_workers(void);

/* Where a port listens (listener.h). */
struct http_place {
    const char *host;
    int port;
};

/* health: NULL = there is none. NULL with *err set on failure. */
NODISCARD struct http *http_start(const struct http_service *service,
                                  const struct http_place *main_place,
                                  const struct http_place *health_place, struct err *err);
/* From the next turn of each port on these count; the ports take references. */
void http_use_rules(struct http *http, struct http_rules *rules);
/* For a watchdog: have the threads of both ports gone round since this was asked last? One thread
 * asks, before http_stop. */
bool http_turned(struct http *http);
void http_stop(struct http *http); /* accepts NULL */
