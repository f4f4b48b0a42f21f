/* SPDX-License-Identifier: MIT
 *
 * live_sse - the texts of a stream of server-sent events (WHATWG HTML, 9.2) but for the packets'
 * own, which the log holds.
 *
 *   retry: 3000                              how long a browser waits before it comes back
 *   event: hello   {version, commit}         first of all; its id is where the stream begins
 *   (message)      the packet                `id:` is the observation's
 *   event: gap     {after?, until}           observations with after < id <= until were not sent;
 *                                            after is left out where it is not known
 *   : and an id                              every 15 s: nothing new, but seen up to here
 *
 * Who can't be served is told with 200 and `retry: 30000`, for a browser's EventSource ends for
 * ever at any other status. Proxies: the stream ends with the connection and has no chunks, which
 * nginx and HAProxy pass at once (without buffering: X-Accel-Buffering).
 * Threads: pure but for the head's date. */
#pragma once

#include "cmd/server/http/http_head.h"

#define LIVE_SSE_TEXT_MAX 512
#define LIVE_NO_ID        INT64_C(-1)

/* Each returns the length of what it wrote. lines: more of them for the head. */
size_t live_sse_head(const char *lines, char out[static HTTP_HEAD_MAX]);
/* What stands behind the head of an answer to somebody for whom there is no place. */
size_t live_sse_refusal(char out[static LIVE_SSE_TEXT_MAX]);
size_t live_sse_hello(char out[static LIVE_SSE_TEXT_MAX]);
/* Where the stream begins; only once that is known. */
size_t live_sse_gap(int64_t after, int64_t until, char out[static LIVE_SSE_TEXT_MAX]);
size_t live_sse_comment(int64_t id, char out[static LIVE_SSE_TEXT_MAX]);

/* Last-Event-ID, or the parameter of that name: digits of an id. False = it is none. */
NODISCARD bool live_sse_read_id(const char *text, size_t len, int64_t *out);
