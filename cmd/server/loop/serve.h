/* SPDX-License-Identifier: MIT
 *
 * serve - what a connection does next: the steps of its life, from its first byte to its end.
 *
 *     FRESH -> READING -> (WORKING) -> (WRITING) -> IDLE -> READING ...      the usual way
 *                 |-> refused: WRITING -> LINGERING -> closed
 *                 `-> LIVE -> closed                                         who listens
 *
 * I1. A step never waits: what can't be done now is left for an event, a worker or the deadline.
 * I2. The requests of a connection are answered in their order, one at a time, however many it
 *     sends ahead.
 * I3. Every wait for a client ends (struct http_limits), even when it reads or sends a byte now
 *     and then.
 * I4. After a refusal what the client still sends is thrown away for some time, so that it reads
 *     the refusal and no reset; after any other answer nothing is.
 * Threads: its loop's, but for the request that a worker answers. Ownership: struct serving is the
 * loop's, and what it names is borrowed. */
#pragma once

#include "cmd/server/http/exchange.h"
#include "cmd/server/http/http_counts.h"
#include "cmd/server/loop/conns.h"
#include "cmd/server/live/live.h"
#include "cmd/server/loop/listener.h"
#include "cmd/server/loop/rate.h"
#include "cmd/server/loop/reached.h"
#include "cmd/server/traffic/request_log.h"

#define SERVE_DISCARD_BYTES 16384

struct http_limits {
    const char *name; /* of the thread and in the log: at most 15 bytes */
    size_t sockets;
    size_t per_address; /* 0 = no limit: behind a proxy all have one */
    size_t inputs;      /* requests of which a part has come */
    /* how long is waited */
    mono_us head;   /* for the head to be whole, from the accept or its first byte */
    mono_us body;   /* for the body, once the head is */
    mono_us idle;   /* for the next request */
    mono_us stall;  /* for the client to take some more of its answer */
    mono_us linger; /* for the client to see a refusal */
    mono_us drain;  /* for open requests when the loop stops */
};

struct serving {
    /* constant after init, but for the rules, which are the loop's thread's */
    struct exchange exchange;
    struct http_limits limits;
    struct workers *workers; /* NULL = no route of this listener waits */
    struct live *live;       /* NULL = nobody listens here */
    void (*tell_done)(struct serving *serving, struct conn *conn); /* called by a worker */
    /* the loop's thread only */
    struct conns *conns;
    struct rate *rate;        /* NULL = everybody may ask as often as he likes */
    struct listener listener; /* closed = we drain */
    mono_us now;              /* of this turn */
    mono_us next_sweep;       /* a deadline or a report is due */
    uint64_t walk;            /* over all who listen: its number */
    struct reached reached;
    struct request_log log;
    char discard[SERVE_DISCARD_BYTES];
};

enum serve_turn {
    SERVE_AGAIN, /* there is more to do at once */
    SERVE_OVER,  /* until something happens; the connection may be closed */
};

enum serve_turn serve_step(struct serving *serving, struct conn *conn);
/* A worker has answered. */
enum serve_turn serve_done(struct serving *serving, struct conn *conn);
/* Its deadline is over. */
enum serve_turn serve_expire(struct serving *serving, struct conn *conn);

/* Who listens is served in walks, each of which gives everyone one turn. */
void serve_begin_walk(struct serving *serving);
/* Who is next in this walk; NULL = it is over. */
struct conn *serve_next_listener(struct serving *serving);
/* The server stops. */
void serve_end_listener(struct serving *serving, struct conn *conn);

/* Who asks on this connection; NULL = nobody has an address there (a Unix socket). */
void serve_note_client(const struct serving *serving, struct conn *conn,
                       const struct sockaddr_storage *address);
void serve_close(struct serving *serving, struct conn *conn);
/* Closes conn for the sake of another. False = there is none that could. */
bool serve_give_way(struct serving *serving, struct conn *conn, enum reached_limit limit);
bool serve_is_draining(const struct serving *serving);
void serve_wake_at(struct serving *serving, mono_us at);
void serve_set_deadline(struct serving *serving, struct conn *conn, mono_us at);
