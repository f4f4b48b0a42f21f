/* SPDX-License-Identifier: MIT
 *
 * pump - bytes between the broker's connection and our loopback socket, both ways, until one of
 * them ends.
 *
 * I1. Neither side is read faster than the other one takes it: 64 KiB a direction, then the
 *     sender's own kernel buffer fills, which is what TCP is for.
 * I2. What came before an end arrives before it: when the broker ends, all that was read goes to
 *     the client first; when the client ends, all that it wrote goes to the broker, with a close
 *     frame behind it.
 * I3. The first byte of an MQTT broker is that of a CONNACK. Another one is said at once, and the
 *     client never sees it.
 * I4. There is no clock here but for our goodbye: a connection on which nothing comes is noticed
 *     by who sends MQTT's pings through it (mqtt_link).
 *
 * Threads: the relay's. Ownership: borrows all of params. Cost: two copies a byte. */
#pragma once

#include "cmd/ingestor/relay/upstream.h"

#define PUMP_TEXT_MAX 512

struct pump_params {
    struct upstream *upstream;
    int client;
    bool is_websocket;
    const char *early; /* what the broker sent behind its 101; WebSocket only */
    size_t early_len;
    int stop_event; /* readable = end now */
};

/* Blocks until the end. *out_has_answered: a CONNACK came. text: why it ended, "" = by our side. */
void pump_run(const struct pump_params *params, bool *out_has_answered,
              char text[static PUMP_TEXT_MAX]);
