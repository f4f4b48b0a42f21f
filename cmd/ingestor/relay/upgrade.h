/* SPDX-License-Identifier: MIT
 *
 * upgrade - the HTTP request that turns a connection into a WebSocket (RFC 6455, section 4), and
 * the reader of what comes back. Pure: bytes in, a verdict out; the fuzz target is fuzz_upgrade.
 *
 * I1. At most UPGRADE_HEAD_MAX bytes are kept of an answer; a longer head is refused. 1xx answers
 *     before the 101 count with it.
 * I2. The bytes behind the empty line belong to the frames and are handed over untouched.
 * I3. An upgrade stands only if status, Upgrade, Connection, Sec-WebSocket-Accept and what was
 *     negotiated are right: another subprotocol and any extension were not asked for, and what
 *     follows would not be read as it is meant. A missing subprotocol is tolerated and noted: there
 *     are brokers that leave it out and speak MQTT all the same.
 * I4. Of the answer no byte reaches a text but a status number and a Location of printable
 *     characters, at most UPGRADE_LOCATION_MAX of them.
 *
 * Threads: none. Ownership: the caller's memory; host and path are borrowed for the call. */
#pragma once

#include "common/base/base.h"

#define UPGRADE_HEAD_MAX     16384
#define UPGRADE_REQUEST_MAX  1024
#define UPGRADE_TEXT_MAX     256
#define UPGRADE_LOCATION_MAX 100
#define UPGRADE_NONCE_BYTES  16

struct upgrade {
    char accept[32]; /* what Sec-WebSocket-Accept has to be */
    /* the answer */
    char head[UPGRADE_HEAD_MAX + 1]; /* from the last status line on */
    size_t len;
    size_t total; /* bytes of all heads */
    int status;   /* of the last answer; 0 = none was read */
    bool has_subprotocol;
    char text[UPGRADE_TEXT_MAX]; /* why it was refused */
};

/* is_tls decides which port goes without saying. path "" or "?..." gets its first '/', a '#...' is
 * left out. Returns the length of the request; 0 = it does not fit. */
NODISCARD size_t upgrade_request(struct upgrade *upgrade, const char *host, bool host_is_ipv6,
                                 int port, bool is_tls, const char *path,
                                 const uint8_t nonce[static UPGRADE_NONCE_BYTES],
                                 char out[static UPGRADE_REQUEST_MAX]);

/* Feed the next bytes; *out_used = how many of them belonged to the answer (all but on STATUS_OK).
 * STATUS_AGAIN = more is needed, STATUS_OK = it is a WebSocket now, STATUS_INVALID = it is none:
 * status and text say why; the connection is of no more use. */
NODISCARD enum status upgrade_read(struct upgrade *upgrade, const char *bytes, size_t len,
                                   size_t *out_used);
