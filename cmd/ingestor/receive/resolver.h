/* SPDX-License-Identifier: MIT
 *
 * resolver - look one host name up without waiting for it: a dead DNS server holds getaddrinfo for
 * up to half a minute, and the loop that asks has a heart to beat.
 *
 * Every library behind it gets addresses: none of them may look a name up again, where nothing ends
 * a look-up that hangs. Threads: one caller; libc runs the look-up on a thread of its own.
 * Ownership: heap; a look-up can't be called back, so a running one must have ended before
 * resolver_free. */
#pragma once

#include "common/base/base.h"

#include <netdb.h>

struct resolver;

/* host is borrowed until resolver_free; port is the one of the addresses. NULL = no memory. */
NODISCARD struct resolver *resolver_new(const char *host, int port);
void resolver_free(struct resolver *resolver);

/* Begin; none may be running. What the last one found is gone. */
NODISCARD enum status resolver_start(struct resolver *resolver);
/* STATUS_AGAIN while it runs, STATUS_OK, or STATUS_NOT_FOUND with the reason in resolver_error. */
NODISCARD enum status resolver_poll(struct resolver *resolver);
/* In the order of preference that libc gives them (RFC 6724); borrowed until the next
 * resolver_start. NULL = nothing was found yet. */
const struct addrinfo *resolver_addresses(const struct resolver *resolver);
/* Static text of the last failure. */
const char *resolver_error(const struct resolver *resolver);
