/* SPDX-License-Identifier: MIT
 *
 * cors - which pages of other origins may read our answers (fetch.spec.whatwg.org, "CORS
 * protocol").
 *
 * Allowed are the origins of a list, compared byte by byte as browsers write them, or with `*` all.
 * They may read (GET, HEAD) and send Content-Type and X-API-Key; never a cookie, for nothing here
 * says that credentials may come along.
 * I1. Unless all origins are allowed, answers differ by Origin, and each says so (Vary), to whom
 *     the question names none, too: caches may not give one's answer to another.
 * Threads: pure. */
#pragma once

#include "common/base/base.h"

#define CORS_ORIGIN_MAX 255 /* bytes of an origin in the list; no longer one is allowed */
#define CORS_LINES_MAX  640

/* Borrowed; NULL and 0: none. */
struct cors {
    char *const *origins;
    size_t count;
};

/* A text that a request holds; NULL = it does not. */
struct cors_text {
    const char *text;
    size_t len;
};

/* Stands in the list itself. For WebSockets: a browser lets every page open one, with its visitor's
 * cookies, so `*` would mean more than it says. */
bool cors_names(const struct cors *cors, struct cors_text origin);
bool cors_allows(const struct cors *cors, struct cors_text origin);
/* A page of this host and port, as the request's Host says them. */
bool cors_is_of_host(struct cors_text origin, struct cors_text host);
/* The lines of an answer's head, each with its CR LF; "" = none. is_preflight: it answers one, of
 * an allowed origin. */
void cors_write(const struct cors *cors, struct cors_text origin, bool is_preflight,
                char out[static CORS_LINES_MAX]);
