/* SPDX-License-Identifier: MIT
 *
 * frames - WebSocket frames <-> bytes (RFC 6455), by wslay. The only file that knows it.
 *
 * I1. What binary messages carry is one stream (MQTT 3.1.1, section 6): a message's borders mean
 *     nothing, in neither direction. A text message is no MQTT and ends the connection.
 * I2. Nothing is joined or kept: a piece goes on as it comes, at most FRAMES_PIECE_MAX bytes at a
 *     time, and only while has_room says so. A message has no largest size.
 * I3. Pings are answered by what frames_read queues: frames_write after each read. Own pings are
 *     not sent: MQTT's pass through here and are answered by the broker itself, a proxy's idle
 *     clock included.
 * I4. Why it ended is read from the close frame's own bytes: wslay knows too few codes and is
 *     silent about the rest.
 *
 * Threads: the relay's. Ownership: heap; io's context is borrowed until frames_free. */
#pragma once

#include "common/base/base.h"

#include <sys/types.h>

#define FRAMES_PIECE_MAX 4096 /* what wslay reads at a time */
#define FRAMES_TEXT_MAX  256

struct frames_io {
    /* > 0 = bytes, 0 = none now, -1 = the connection is over */
    ssize_t (*recv)(void *context, uint8_t *bytes, size_t len);
    /* Takes all or nothing; false = not now */
    bool (*send)(void *context, const uint8_t *bytes, size_t len);
    void (*deliver)(void *context, const uint8_t *bytes, size_t len);
    bool (*has_room)(void *context); /* for FRAMES_PIECE_MAX bytes to deliver */
    void *context;
};

struct frames;

/* NULL = no memory. */
NODISCARD struct frames *frames_new(const struct frames_io *io);
void frames_free(struct frames *frames);

/* Read what there is room for; may stop early: until recv said 0 there may be more. STATUS_OK = the
 * connection stands; STATUS_NOT_FOUND = the peer ended it, STATUS_INVALID = it broke the protocol,
 * STATUS_IO = recv said so. */
NODISCARD enum status frames_read(struct frames *frames);
/* Hand on what is queued, as far as io.send takes it. */
NODISCARD enum status frames_write(struct frames *frames);
/* Something waits to be sent. */
bool frames_is_pending(const struct frames *frames);
/* Queue one binary message. */
NODISCARD enum status frames_send(struct frames *frames, const uint8_t *bytes, size_t len);
/* Queue the close frame: nothing more will be sent. Nothing may be pending: a control frame goes
 * before what is. */
NODISCARD enum status frames_close(struct frames *frames);

/* What frames_read's verdict means, for a person. */
void frames_describe(const struct frames *frames, char out[static FRAMES_TEXT_MAX]);
/* Of wslay, for --version: it can't be asked, so the one we were built with. */
const char *frames_library_version(void);
