/* SPDX-License-Identifier: MIT
 *
 * exchange - one request and its answer, without the socket between them: framing -> route ->
 * method -> query -> body -> answer.
 *
 * I1. What is wrong with a request is said as early as its head allows: nobody uploads a body for a
 *     404, 405 or 413, and `100 Continue` is only owed to a request that would be answered.
 * I2. After a refusal the connection is closed, so that no byte that was not read is taken for
 *     a request.
 * I3. Refused with 400, beside what http_parse.h names: a body on a method that takes none, a path
 *     or query that can't be decoded, a row of empty lines where a request should begin. A POST
 *     with neither length nor chunks is 411, a body above HTTP_BODY_MAX 413, a head above
 *     HTTP_PARSE_HEAD_MAX 431 (414 when it is the target), an expectation that is not 100-continue
 *     417.
 * I4. Who may ask for a row (route.h) is looked at here, for all rows and before their query, body
 *     and code; OPTIONS tells everybody what a path takes.
 * I5. A preflight is answered by the rules alone, whatever the route takes; 403 to who is not
 *     allowed.
 * I6. Bytes are packed in a loop only where that is short (PACK_AT_ONCE).
 * Threads: all in the loop's; exchange_ask and exchange_pack in the loop's or in a worker's.
 * Ownership: answers are references of the caller's. */
#pragma once

#include "cmd/server/http/http_head.h"
#include "cmd/server/http/input.h"
#include "cmd/server/http/ready.h"
#include "cmd/server/http/rules.h"

struct exchange {
    /* constant */
    const struct http_service *service;
    const struct router *router;
    unsigned listener;              /* ROUTE_ON_MAIN or ROUTE_ON_HEALTH */
    const struct http_rules *rules; /* NULL = none */
};

struct http_refusal {
    int status;
    const char *why;   /* static */
    const char *allow; /* NULL = no such header */
    const char *field; /* the parameter that is to blame, static; NULL = none */
};

enum exchange_step {
    EXCHANGE_MORE,    /* the request is not whole yet */
    EXCHANGE_REFUSED, /* *out says why */
    EXCHANGE_OPTIONS, /* answered by a head: out->allow */
    EXCHANGE_NOW,     /* exchange_ask answers from memory */
    EXCHANGE_WAITS,   /* exchange_ask may wait: in a worker, please */
    EXCHANGE_LIVE,    /* it wants to listen: none of exchange_ask */
};

/* Looks at what came. After OPTIONS, NOW, WAITS and LIVE the request stands in the input until
 * input_next. */
enum exchange_step exchange_read(const struct exchange *exchange, struct http_input *input,
                                 struct http_refusal *out);
/* Is what it wants to listen to a WebSocket? */
bool exchange_is_websocket(const struct exchange *exchange, const struct http_input *input);
bool exchange_is_head(const struct http_input *input);
bool exchange_keeps_alive(const struct http_input *input);
/* An answer may come in chunks. */
bool exchange_takes_chunks(const struct http_input *input);
/* NULL = no memory. */
struct http_ready *exchange_ask(const struct exchange *exchange, const struct http_input *input);
/* The client takes gzip, the answer (which may be NULL) is worth it, and that was not made yet. */
bool exchange_should_pack(const struct http_input *input, const struct http_ready *answer);
bool exchange_may_pack_here(const struct http_ready *answer); /* in a loop */
/* May who has this address ask for others (trustedProxies)? */
bool exchange_is_proxy(const struct exchange *exchange,
                       const uint8_t address[static NETWORK_ADDRESS_BYTES]);
/* For whom a named proxy says that it asks; false = it does not, or not clearly. */
bool exchange_read_client(const struct exchange *exchange, const struct http_input *input,
                          uint8_t out[static NETWORK_ADDRESS_BYTES]);
/* A page of another site asks, and may (corsAllowedOrigins). */
bool exchange_origin_is_allowed(const struct exchange *exchange, const struct http_input *input);
/* The same for a page that opens a WebSocket: of this very server, or named in the list; or no page
 * at all. */
bool exchange_may_open_websocket(const struct exchange *exchange, const struct http_input *input);
/* The lines that our rules add to the head of any answer to this request; "" = none. */
void exchange_write_lines(const struct exchange *exchange, const struct http_input *input,
                          char out[static CORS_LINES_MAX]);
/* Moves the reference: the form in which this client takes the answer. */
struct http_ready *exchange_choose(const struct http_input *input, struct http_ready *answer);
/* The client has these bytes already: 304. */
bool exchange_is_known(const struct http_input *input, const struct http_ready *answer);
/* The refusal as bytes; NULL = no memory. */
struct http_ready *exchange_refusal(const struct http_refusal *refusal);
