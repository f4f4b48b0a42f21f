/* SPDX-License-Identifier: MIT
 *
 * resolver - look one host name up without waiting for it: a dead DNS server holds getaddrinfo for
 * up to half a minute, and the loop that asks has a heart to beat.
 *
 * The addresses are thrown away. The MQTT library looks the name up again (it needs the name for
 * TLS), but then a name that can't be found was told so already, by name, and a resolver that hangs
 * hung here. Threads: one caller; libc runs the look-up on a thread of its own. Ownership: heap; a
 * look-up can't be called back, so a running one must have ended before resolver_free. */
#pragma once

#include "common/base/base.h"

struct resolver;

/* host is borrowed until resolver_free. NULL = no memory. */
NODISCARD struct resolver *resolver_new(const char *host);
void resolver_free(struct resolver *resolver);

/* Begin; none may be running. */
NODISCARD enum status resolver_start(struct resolver *resolver);
/* STATUS_AGAIN while it runs, STATUS_OK, or STATUS_NOT_FOUND with the reason in resolver_error. */
NODISCARD enum status resolver_poll(struct resolver *resolver);
/* Static text of the last failure. */
const char *resolver_error(const struct resolver *resolver);
