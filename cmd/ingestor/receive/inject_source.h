/* SPDX-License-Identifier: MIT
 *
 * inject_source - messages from the HTTP server: the feed of the receiver "http" (POST
 * /api/packets).
 *
 * A SOCK_SEQPACKET Unix socket, so that the kernel keeps the borders of messages and a
 * half-written one can't exist. One message = topic, NUL, payload (the ordinary envelope). The
 * answer is one byte:
 *   'A' accepted    'S' soft backpressure or rate    'F' full    'T' too large
 * and it is only sent when the outcome is recorded in the ring. A message without a topic or a NUL
 * is not of our server: the connection is closed without an answer and nothing is counted.
 *
 * I1. At most INJECT_CLIENTS_MAX connections. One more evicts the one that has been idle longest;
 *     an ordinary client opens a new one at once.
 * I2. No client is ever waited for: everything is non-blocking, and an answer that does not fit the
 *     client's buffer ends that client.
 * I3. The file's mode is 0660 from its first moment. A stale socket is replaced: the caller holds
 *     the source's writer lock, so no other living receiver can own it.
 * Threads: the receiver's main loop only. Ownership: the handle owns descriptors and the buffer. */
#pragma once

#include "common/base/base.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/ring/ledger.h"

#define INJECT_CLIENTS_MAX 64
#define INJECT_SOCKET      "inject.sock" /* in spoolDir */

/* Called for each message; text and payload are borrowed for the call. For a message that is longer
 * than the buffer, payload_len is its true length and the payload must not be read: it is over
 * max_message_bytes, which the handler looks at first. OUTCOME_NONE = accepted. */
typedef enum outcome inject_handler(void *context, const char *topic, size_t topic_len,
                                    const uint8_t *payload, size_t payload_len);

struct inject_params {
    const char *path; /* borrowed for the call; at most 107 bytes */
    size_t max_message_bytes;
    inject_handler *handler;
    void *context;
};

struct inject_source;

NODISCARD enum status inject_source_open(const struct inject_params *params,
                                         struct inject_source **out_source, struct err *err);
/* Wait at most timeout_ms for something to do, and do it. */
void inject_source_turn(struct inject_source *source, int timeout_ms, mono_us now);
/* Does its name still lead to it? */
bool inject_source_is_named(const struct inject_source *source);
size_t inject_source_clients(const struct inject_source *source);
/* Removes the socket file. */
void inject_source_close(struct inject_source *source);
