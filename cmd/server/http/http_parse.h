/* SPDX-License-Identifier: MIT
 *
 * http_parse - the head of a request: bytes in, what they say out. Pure: no socket, no clock,
 * no memory of its own.
 *
 * A head that two programs could read in two ways is how requests are smuggled past a proxy, so
 * what RFC 9112 leaves to a recipient's mercy is refused here: a space before a header's colon,
 * folded lines, bare line feeds, control characters, a second Content-Length (even an equal one),
 * Content-Length beside Transfer-Encoding, codings other than `chunked`, a missing or second Host.
 * The target may have each form of RFC 9112, 3.2 but the authority's (CONNECT): of an absolute one
 * scheme and authority are dropped, for we are the only host here.
 * I1. Everything found stands within the head: slices are offsets into the bytes, and behind each
 *     stands at least one byte of the head that means nothing any more, so that a caller who is
 *     done with parsing may put a NUL there.
 * I2. Empty lines before a request line are the caller's to skip.
 * Limits: HTTP_PARSE_HEAD_MAX bytes, HTTP_PARSE_HEADERS_MAX lines. Cost: one pass, about 0.3 us
 * for what a browser sends. */
#pragma once

#include "common/base/base.h"

#define HTTP_PARSE_HEAD_MAX    8192
#define HTTP_PARSE_HEADERS_MAX 64

struct http_slice {
    uint16_t at, len;
};

struct http_header {
    struct http_slice name, value;
};

struct http_incoming {
    struct http_slice method;
    struct http_slice path;  /* of length 0: the root, not written */
    struct http_slice query; /* what stands behind the `?` */
    bool has_query;
    bool is_asterisk; /* OPTIONS *, or OPTIONS of a host without a path */
    bool is_1_0;
    bool keeps_alive; /* what the client wants, or the version's default */
    bool expects_continue, expects_other;
    bool is_chunked;
    int64_t content_length; /* -1 = none */
    size_t header_count;
    struct http_header headers[HTTP_PARSE_HEADERS_MAX];
};

/* The head's length with the empty line that ends it, 0 = it is not whole yet. from: how many bytes
 * an earlier call has seen. */
size_t http_parse_end(const char *bytes, size_t len, size_t from);
/* bytes: a whole head. 0, or the status to refuse with and *out_why, a static text; then of *out
 * only the method may be read, and that is empty when it can't be. */
NODISCARD int http_parse(const char *bytes, size_t len, struct http_incoming *out,
                         const char **out_why);
/* Does a header's value, a comma-separated list, hold this word? */
bool http_parse_lists(const char *bytes, struct http_slice value, const char *word);
/* The header of this name behind `after` (NULL = the first); NULL = none. */
const struct http_slice *http_parse_next(const struct http_incoming *head, const char *bytes,
                                         const char *name, const struct http_slice *after);
