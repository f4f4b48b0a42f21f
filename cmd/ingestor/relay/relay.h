/* SPDX-License-Identifier: MIT
 *
 * relay - a ws, wss or mqtts broker as a port on loopback that speaks plain MQTT.
 *
 * Why: the MQTT library's own WebSocket code keeps state for the whole process; after some ends of
 * a connection it never connects again, or is connected and deaf. Its TLS takes one name or one
 * address, tries one, and has no words for what failed. libcurl and wslay do both well; the
 * library keeps what it does well, MQTT.
 *
 * I1. First the way to the broker is opened, TLS and WebSocket included; only then there is a port.
 *     So a failure has one cause and one text, and the library never waits for a dead host.
 * I2. Only this process gets in (loopback.h), once an attempt.
 * I3. Where the address names no path, "/" is asked for; when that is refused by an HTTP answer, or
 *     taken and no CONNACK follows, "/mqtt" is next, and the log says so. What led to a CONNACK
 *     is asked for first from then on.
 * I4. An end has a text: what the broker, its proxy or TLS said. "" = our side ended it.
 * I5. What was acknowledged was acknowledged by the broker itself: the relay answers nothing of
 *     MQTT's own.
 *
 * Limits: `limit` for the way to the broker (both paths together), ACCEPT_US for the library to
 * come, 64 KiB a direction; an answer to the upgrade of 16 KiB.
 * Threads: one per attempt, started by relay_start, joined by relay_stop, which waits at most a
 * second for it (a thread that is stuck in a library holds who joins it, and the supervisor ends
 * the process); the calls belong to one other thread. Nothing of this before fork.
 * Ownership: heap; borrows params but for url until relay_free. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/config/broker_url.h"

#include <netdb.h>

#define RELAY_TEXT_MAX 512

struct relay;

struct relay_params {
    const char *name; /* of the source, for the log */
    const struct broker_url *url;
    const struct broker_url *proxy;             /* an HTTP proxy; NULL = none */
    const char *ca_file, *cert_file, *key_file; /* NULL = none */
    bool is_verified;
    mono_us limit;
};

/* Initialises libcurl. NULL = no memory. */
NODISCARD struct relay *relay_new(const struct relay_params *params);
void relay_free(struct relay *relay);

/* Begin an attempt; none may be under way. `addresses` are those of the proxy's host where there is
 * one, else of the broker's; borrowed for the call. */
NODISCARD enum status relay_start(struct relay *relay, const struct addrinfo *addresses);
/* STATUS_AGAIN, STATUS_OK = the library can connect to *out_port, STATUS_IO = failed or over. */
NODISCARD enum status relay_poll(struct relay *relay, int *out_port);
/* The attempt, if any, is over. Its text stays. */
void relay_stop(struct relay *relay);
/* The client said goodbye: wait until that is forwarded, at most `limit`. */
void relay_finish(struct relay *relay, mono_us limit);

/* Why the last attempt ended (I4). */
void relay_copy_text(struct relay *relay, char out[static RELAY_TEXT_MAX]);
