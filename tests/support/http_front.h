/* SPDX-License-Identifier: MIT
 *
 * http_front - an HTTP server for one test: it reads requests whole and answers each with the next
 * of a list of scripts, bytes as they stand. One thread, one connection at a time; it notes what
 * came. Every failure of its own fails the test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum http_front_end {
    HTTP_FRONT_KEEP,  /* the next request may come on this connection */
    HTTP_FRONT_CLOSE, /* orderly */
    HTTP_FRONT_RESET, /* RST */
    HTTP_FRONT_HANG,  /* silence until http_front_stop */
};

struct http_front_script {
    const char *answer; /* "" = nothing */
    enum http_front_end end;
};

struct http_front;

/* The last script counts for all requests behind it. Borrowed until http_front_stop. */
struct http_front *http_front_start(const struct http_front_script *scripts, size_t count);
void http_front_stop(struct http_front *front);
const char *http_front_url(const struct http_front *front); /* http://127.0.0.1:port */
/* Of the last request: its head, and its body inflated. Not while one is on its way. */
const char *http_front_head(const struct http_front *front);
const char *http_front_body(const struct http_front *front);
int http_front_count(const struct http_front *front);
