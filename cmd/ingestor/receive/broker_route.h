/* SPDX-License-Identifier: MIT
 *
 * broker_route - how an attempt reaches its broker: the name looked up, an address that answers,
 * and the one URI that the MQTT library is given.
 *
 * I1. The library gets an address, never a name: it would look it up under its mutex, try one
 *     address alone, and report a name that does not exist as -1.
 * I2. mqtts, ws and wss go through a relay (cmd/ingestor/relay) and the library gets its port on
 *     loopback; without such a source no relay is made, and libcurl never begins.
 * I3. A name of a plain broker with several addresses is decided by address_race; one with a single
 *     address is connected to without a probe.
 *
 * An attempt: resolve, poll_name until it is not STATUS_AGAIN, open, poll until it is not
 * STATUS_AGAIN, then the library's connect with the URI; close in the end, whatever came of it.
 * Threads: the receiver's main loop. Errors: a failure is a status, its text is
 * broker_route_error's. Ownership: borrows config and url's host until free. */
#pragma once

#include "cmd/ingestor/receive/address_race.h"
#include "common/config/broker_url.h"
#include "common/config/config.h"

#define ROUTE_TEXT_BYTES 512
#define ROUTE_URI_BYTES  128

struct broker_route;

/* NULL = no memory. */
NODISCARD struct broker_route *broker_route_new(const struct config_source *config,
                                                const struct broker_url *url);

NODISCARD enum status broker_route_resolve(struct broker_route *route);
NODISCARD enum status broker_route_poll_name(struct broker_route *route);
/* After a name that was found. */
NODISCARD enum status broker_route_open(struct broker_route *route, mono_us now);
/* STATUS_OK: uri is where the library connects to. */
NODISCARD enum status broker_route_poll(struct broker_route *route, mono_us now,
                                        char uri[static ROUTE_URI_BYTES]);
void broker_route_close(struct broker_route *route);
/* The library said goodbye: wait until that is on its way, at most `limit`. */
void broker_route_finish(struct broker_route *route, mono_us limit);

/* Why the last step failed, or why what was opened ended; "" = not known here. Borrowed until the
 * next call. */
const char *broker_route_error(struct broker_route *route);
