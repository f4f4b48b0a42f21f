/* SPDX-License-Identifier: MIT
 *
 * upstream - the connection to the broker, by libcurl: happy eyeballs over the addresses we looked
 * up, an HTTP proxy, TLS with its checks, then a stream of bytes. The only file that knows curl.
 *
 * I1. libcurl looks no name up: nothing would end a look-up that hangs.
 * I2. The environment's proxies, .netrc and curl's other habits are off: what is configured is
 *     what is done. ALPN is off: a server that offers h2 would get h2.
 * I3. A caFile replaces the system's certificates. Where the certificate is checked, its host name
 *     is.
 * I4. Each connection has a handle of its own, used by one thread. upstream_init once a process,
 *     after fork.
 * I5. An error has words: which file, which reason, and what to do where that is known. They may
 *     quote what the peer sent (a certificate's name): who logs them escapes.
 *
 * Limits: `limit` for all of it up to the end of TLS. Threads: one a handle. Ownership: heap;
 * params are borrowed for the call. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/config/broker_url.h"

#include <stdatomic.h>
#include <sys/types.h>

#define UPSTREAM_TEXT_MAX 512

struct upstream;

struct upstream_params {
    const char *host;
    bool host_is_ipv6;
    int port;
    bool is_tls;
    const char *resolved; /* host:port:address,address... of the host, or the proxy; "" = none */
    const struct broker_url *proxy;             /* NULL = none */
    const char *ca_file, *cert_file, *key_file; /* NULL = none */
    bool is_verified;                           /* certificate and host name */
    mono_us limit;
    const atomic_bool *stop; /* given up within a second after it is set */
};

NODISCARD bool upstream_init(void);

/* NULL = failed, with the reason in text. */
NODISCARD struct upstream *upstream_open(const struct upstream_params *params,
                                         char text[static UPSTREAM_TEXT_MAX]);
void upstream_close(struct upstream *upstream);

int upstream_fd(const struct upstream *upstream);
/* > 0 = bytes, 0 = none now, -1 = over, upstream_error says why. poll does not see what was
 * decrypted already: read until 0. */
NODISCARD ssize_t upstream_recv(struct upstream *upstream, void *bytes, size_t len);
/* As recv. What was not taken has to come again, from the same address. */
NODISCARD ssize_t upstream_send(struct upstream *upstream, const void *bytes, size_t len);
const char *upstream_error(const struct upstream *upstream);
/* Of libcurl, for --version; initialises nothing. */
const char *upstream_library_version(void);
