/* SPDX-License-Identifier: MIT
 *
 * input - the request that a connection is sending, and the pool of memory that such requests stand
 * in.
 *
 * Why a pool: most connections say nothing most of the time, and a request that came whole with one
 * read needs its memory for microseconds. Only a connection with a part of a request holds an
 * input, hence a thousand idle ones hold none.
 * I1. The pool never grows: who wants one more when all are held takes it from a connection
 *     (conns.h) or waits.
 * I2. Memory is touched as bytes come, and given back to the system when an input beyond the first
 *     INPUT_WARM is put back: what an attack made us touch does not stay.
 * I3. What a handler gets (struct http_request) points into the input, and stands until the input
 *     is put back or the next request is begun.
 * Threads: the pool is its loop's; a worker reads the one input of its request. Limits: INPUT_BYTES
 * hold the largest head, the largest body and some bytes of what follows. Cost: 28 KiB an input. */
#pragma once

#include "cmd/server/http/http_body.h"
#include "cmd/server/http/http_parse.h"
#include "cmd/server/http/router.h"

#define HTTP_BODY_MAX 8192
#define INPUT_BYTES   (HTTP_PARSE_HEAD_MAX + HTTP_BODY_MAX + 4096)
#define INPUT_WARM    32

struct http_input {
    struct http_input *next; /* in the pool */
    size_t used, seen;       /* bytes that came; of these, looked through for the head's end */
    size_t head_len;         /* 0 = the head is not whole yet */
    struct http_incoming head;
    struct http_body body;       /* stands right behind the head */
    struct http_request request; /* what the head asks for; filled in by exchange.c: with zeros
                                  * until its row is known, without a query until that is read */
    bool wants_continue;         /* the client waits for `100 Continue` before it sends its body */
    char bytes[INPUT_BYTES + 1]; /* and the NUL behind a body */
    struct router_match match;
    struct http_query query;
};

struct input_pool;

/* NULL = no memory (address space, rather: nothing is touched). */
NODISCARD struct input_pool *input_pool_new(size_t count);
void input_pool_free(struct input_pool *pool); /* accepts NULL */
/* An empty one; NULL = all are held. */
NODISCARD struct http_input *input_take(struct input_pool *pool);
void input_put(struct input_pool *pool, struct http_input *input);

/* Where the next bytes go, and how many. Never 0: a full input holds a whole request. */
char *input_room(struct http_input *input, size_t *out_len);
/* The request at the front is done with: what follows it moves to the front. */
void input_next(struct http_input *input);
