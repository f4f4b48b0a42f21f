/* SPDX-License-Identifier: MIT
 *
 * http_loop - one thread that serves every connection of one listening socket.
 *
 * Why a loop: with a thread per connection whoever holds a connection holds a thread, and a probe
 * waits for one; here a connection that says nothing is a slot of 200 bytes.
 * I1. The thread waits in epoll_wait only. What may wait for anything else (a row's `waits`) is
 *     answered by a worker; meanwhile the connection is not read. A renderer, which runs here,
 *     takes memory only, 1 ms at most.
 * I2. A connection that sends many requests ahead lets the others have their turn in between.
 * I3. There is always room for a new connection: the oldest silent one gives way, when the slots
 *     (or the descriptors, or one address's share) are used up. When nobody can, the listening
 *     socket is left alone until one ends, or for 100 ms.
 * I4. A limit that is reached is logged, once a second per reason.
 *
 * Who listens to the live feed (live.h) is in one state more, with a place in shared bytes instead
 * of `out`. What the feed has rendered gathers for GATHER_US, then everyone is sent it in a walk, a
 * few of them (WALK_TURN) between two looks at the sockets, so that a request waits for a few
 * sendmsg at most, however many listen.
 *
 * An export of unknown length (export.h) is an `out` that a worker refills, which waits while it is
 * full. What else will be served from here fits these rules: a client's token bucket is asked where
 * its request is whole, before it is answered.
 *
 * Threads: start and stop by the owner; the rest is the loop's thread. Lock: one, a leaf, around
 * the list of what the workers have done. Ownership: what the setup names is borrowed until the
 * workers have stopped, which is after http_loop_stop and before http_loop_free; the listening
 * socket is moved.
 * Stop: no new connections; what waits in the backlog is still taken; silent ones are closed, open
 * requests finish, for at most `drain`.
 * Cost: about 10 us a request of ready bytes, nearly all of it the system's (recv, sendmsg, and an
 * epoll_wait that those share who come together). */
#pragma once

#include "cmd/server/loop/serve.h"

struct http_loop_setup {
    struct exchange exchange;
    struct workers *workers;
    struct live *live; /* NULL = nobody listens here */
    int listen_fd;
    const struct http_limits *limits;
};

struct http_loop;

/* NULL = no memory or no thread; the listening socket is closed then, too. */
NODISCARD struct http_loop *http_loop_start(const struct http_loop_setup *setup);
/* From the next turn on, for the requests that come then; takes a reference. NULL = no loop. */
void http_loop_use_rules(struct http_loop *loop, struct http_rules *rules);
/* Has the thread gone round since this was asked last? Wakes it, so that a quiet one turns, too.
 * NULL = yes. One thread asks. */
bool http_loop_turned(struct http_loop *loop);
/* Waits for the thread. Accepts NULL. */
void http_loop_stop(struct http_loop *loop);
void http_loop_free(struct http_loop *loop); /* accepts NULL */
