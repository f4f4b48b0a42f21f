/* SPDX-License-Identifier: MIT
 *
 * live_client - one who listens: its place in the log, and what it is sent next.
 *
 *     JOINING -> FLOWING -> ENDING        JOINING: until the log is open and, for who comes back,
 *                                         holds what it has missed (or what of that can be had)
 *
 * I1. Events are sent from where they stand in the log, by all clients at once. Only what of an
 *     event the socket did not take is copied (`own`), with the few texts of its own that a client
 *     gets, so that a client always stands between two events.
 * I2. It is sent every event that passes its filter, in order, once; or a gap that names what it
 *     was not sent. A gap comes when the log has gone past its place, or when it asks for what is
 *     gone.
 * I3. Who has not taken a byte for LIVE_STALL_US when the log goes past it is ended.
 * I4. A WebSocket gets the same packets as {"type":"packet","data":{...}}, with the packet's
 *     members a second time as `packet`, and a gap as {"type":"gap","data":{...}}.
 * Threads: the loop's. Errors: NULL, or LIVE_END, when there is no memory. Ownership: the caller's
 * handle; the socket stays the caller's. Limits: LIVE_OWN_MAX. Cost: 700 bytes, and a sendmsg for
 * up to LIVE_SEND_EVENTS events. */
#pragma once

#include "cmd/server/live/live.h"
#include "cmd/server/live/live_filter.h"
#include "cmd/server/live/live_sse.h"
#include "cmd/server/live/live_ws.h"

#define LIVE_SEND_EVENTS  64
#define LIVE_SEND_BYTES   ((size_t)256 << 10)
#define LIVE_OWN_MAX      ((size_t)64 << 10)
#define LIVE_PONGS_MAX    4096 /* bytes of its own that wait, above which a ping is not answered */
#define LIVE_STALL_US     ((mono_us)10 * US_PER_S)
#define LIVE_COMMENT_US   ((mono_us)15 * US_PER_S)
#define LIVE_PONG_US      ((mono_us)60 * US_PER_S)
#define LIVE_SOCKET_BYTES 65536 /* SO_SNDBUF: what a client that reads nothing costs the system */

enum live_transport { LIVE_EVENT_STREAM, LIVE_WEBSOCKET };
enum live_client_state { LIVE_JOINING, LIVE_FLOWING, LIVE_ENDING };

struct live_client {
    enum live_transport transport;
    enum live_client_state state;
    bool is_blocked;  /* the socket takes no more, until it says so */
    bool has_gap;     /* it was not sent what is behind `after`, and is to be told */
    uint64_t next;    /* number of the next event to look at */
    int64_t after;    /* it was sent, or does not want, everything up to here; or LIVE_NO_ID */
    uint64_t walk;    /* the last walk over all clients in which it had its turn */
    mono_us took_at;  /* the socket took something, or there was nothing to take */
    mono_us heard_at; /* a frame of its came */
    char *own;        /* goes before what stands in the log */
    size_t own_len, own_sent;
    struct live_ws_reader reader;
    struct live_filter filter;
};

struct live_client_setup {
    enum live_transport transport;
    struct live_filter filter;
    bool is_resuming;
    int64_t after;    /* LIVE_NO_ID = it could not be read: a gap of unknown length */
    const char *head; /* of the answer */
    size_t head_len;
};

enum live_turn {
    LIVE_OVER, /* until something happens */
    LIVE_MORE, /* there is more to do at once */
    LIVE_END,  /* close it */
};

NODISCARD struct live_client *live_client_new(const struct live_client_setup *setup, mono_us now);
void live_client_free(struct live_client *client); /* accepts NULL */

/* Sends what there is. can_write: the socket may take something again. */
enum live_turn live_client_step(struct live_client *client, struct live *live, int fd, mono_us now,
                                bool can_write);
/* It sent this. False = close it. */
bool live_client_read(struct live_client *client, const char *bytes, size_t len, mono_us now);
/* Every LIVE_COMMENT_US: a comment or a ping. False = it has not answered for long: close it. */
bool live_client_tick(struct live_client *client, mono_us now);
/* The server ends it: a WebSocket is told so. */
void live_client_end(struct live_client *client);
