/* SPDX-License-Identifier: MIT
 *
 * conns - the connections of one loop: fixed slots, in which state each is, since when, and who has
 * to go when there is no room.
 *
 * I1. Each slot stands in exactly one list, that of its state, in the order of its `since`.
 * I2. A connection is silent while we wait for bytes of its client (FRESH, IDLE, READING,
 *     LINGERING). `since` is when that wait began; single bytes do not move it, so who drips grows
 *     old like who says nothing.
 * I3. Only a connection with a part of a request, or with a request being answered by a worker,
 *     holds an input. An answer holds none, except for what was pipelined behind its request.
 * I4. A WORKING connection is never closed: a worker reads its input. A LIVE one gives way to
 *     nobody: how many there may be is live's to say.
 * Threads: its loop's. Ownership: an open slot owns its descriptor, input, outgoing bytes and live
 * client; conns_close gives them all back. Limits: as given to conns_new. Cost: 204 bytes a slot
 * with its peer, the slot touched as it is first used; all calls take the same time however many
 * there are, but for conns_oldest_of and conns_oldest_with_input, which may have to walk. */
#pragma once

#include "cmd/server/http/input.h"
#include "cmd/server/live/live_client.h"
#include "cmd/server/loop/outgoing.h"
#include "cmd/server/loop/peers.h"
#include "cmd/server/loop/workers.h"
#include "common/base/clock.h"

enum conn_state {
    CONN_FREE,
    CONN_FRESH,     /* accepted, has not said anything yet */
    CONN_IDLE,      /* between two requests */
    CONN_READING,   /* a part of a request came */
    CONN_LINGERING, /* refused; what it still sends is thrown away */
    CONN_LIVE,      /* listens to the live feed; `since` = it had its turn in a walk over them */
    CONN_WRITING,   /* its answer did not fit the socket; `since` = it last took some of it */
    CONN_WORKING,
    CONN_STATE_COUNT,
};

struct serving;

struct conn {
    struct conn *older, *newer; /* in the list of its state */
    int fd;
    uint32_t peer;
    uint64_t client; /* who asks (network.h), where nobody asks for others */
    bool is_a_proxy; /* which may ask for others: trustedProxies, or a Unix socket's client */
    enum conn_state state;
    mono_us since;
    mono_us deadline; /* of what it waits for; none while WORKING */
    struct http_input *input;
    struct outgoing out;
    struct live_client *live; /* exactly while LIVE */
    mono_us asked;            /* when its request was whole */
    mono_us answer_until;     /* while an answer is sent: however slowly it is read */
    mono_us resume_at;        /* while WRITING: an export pauses until then; 0 = it does not */
    size_t thrown_away;       /* while LINGERING */
    bool may_read;            /* the socket may have bytes: epoll says so once (edge-triggered) */
    bool has_hung_up;         /* the client's end is behind the bytes that are still to be read */
    bool has_ended;           /* and was read */
    bool is_in_body;
    bool is_last;    /* the answer that is sent ends the connection */
    bool is_refusal; /* and it refuses, so we linger */
    /* for its next turn, in the loop's list; stays through close and open */
    bool is_waiting;
    struct conn *next_turn;
    /* a worker's, while WORKING; then the loop's */
    struct work work;
    struct serving *serving;
    struct http_ready *made;
    struct conn *next_done;
};

struct conns;

/* NULL = no memory. */
NODISCARD struct conns *conns_new(size_t sockets, size_t inputs);
/* All are closed, WORKING ones too: the workers have stopped. Accepts NULL. */
void conns_free(struct conns *conns);

/* A FRESH one, which owns fd; NULL = no slot is free. */
struct conn *conns_open(struct conns *conns, int fd, const struct sockaddr_storage *address,
                        mono_us now);
void conns_close(struct conns *conns, struct conn *conn);
/* To the new end of the state's list. */
void conns_move(struct conns *conns, struct conn *conn, enum conn_state state, mono_us now);
/* NULL = all are held. */
struct http_input *conns_take_input(struct conns *conns, struct conn *conn);
void conns_drop_input(struct conns *conns, struct conn *conn);

size_t conns_count(const struct conns *conns, enum conn_state state);
size_t conns_open_count(const struct conns *conns);
size_t conns_of_peer(const struct conns *conns, uint32_t peer);
/* The oldest of a state; its `newer` is the next. NULL = none. */
struct conn *conns_oldest(const struct conns *conns, enum conn_state state);
/* Who gives way to a new connection: the oldest silent one, else the one whose answer has stood
 * still for longest. NULL = all are WORKING or LIVE. */
struct conn *conns_oldest_silent(const struct conns *conns);
/* The same among this peer's. */
struct conn *conns_oldest_of(const struct conns *conns, uint32_t peer);
/* The same among those that hold an input. */
struct conn *conns_oldest_with_input(const struct conns *conns);
