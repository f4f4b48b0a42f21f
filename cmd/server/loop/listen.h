/* SPDX-License-Identifier: MIT
 *
 * listen - from a whole request for the live feed to one who listens: server-sent events, or a
 * WebSocket.
 *
 * Where there is no place, or the server stops, an event stream is answered 200 and told to come
 * back later (live_sse.h), a WebSocket 503. HEAD gets the head alone.
 * Threads: the loop's. */
#pragma once

#include "cmd/server/http/exchange.h"
#include "cmd/server/live/live_client.h"

struct listen_answer {
    struct http_refusal refusal; /* status 0 = none: then send the text and end */
    char text[HTTP_HEAD_MAX + LIVE_SSE_TEXT_MAX];
    size_t len;
};

/* NULL = *out says what to answer. */
struct live_client *listen_begin(const struct exchange *exchange, struct live *live,
                                 const struct http_input *input, mono_us now,
                                 struct listen_answer *out);
/* What came behind the request. False = close it. */
bool listen_read_rest(struct live_client *client, const struct http_input *input, mono_us now);
/* A small buffer: who reads nothing shows it soon, and costs the system little. */
void listen_set_socket(int fd);
