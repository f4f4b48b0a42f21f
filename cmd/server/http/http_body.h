/* SPDX-License-Identifier: MIT
 *
 * http_body - the body of a request, by its length or in chunks, taken as it comes, in place. Pure.
 *
 * I1. What was taken is never looked at again: a byte costs the same whether it comes alone
 *     or with others.
 * I2. A body is never longer than `max`, and what frames it (sizes, extensions and trailers of
 *     chunks) never longer than HTTP_BODY_FRAMING_MAX; neither is kept.
 * I3. Chunks are read strictly: lines end in CR LF, a size has one to eight hex digits. */
#pragma once

#include "common/base/base.h"

#define HTTP_BODY_FRAMING_MAX 4096

struct http_body {
    enum http_body_place {
        HTTP_BODY_DONE,
        HTTP_BODY_DATA,
        HTTP_BODY_SIZE,
        HTTP_BODY_EXTENSION,
        HTTP_BODY_SIZE_LF,
        HTTP_BODY_DATA_CR,
        HTTP_BODY_DATA_LF,
        HTTP_BODY_TRAILER,      /* a line begins */
        HTTP_BODY_TRAILER_TEXT, /* within it */
        HTTP_BODY_TRAILER_LF,
        HTTP_BODY_LAST_LF,
    } place;
    bool is_chunked;
    size_t max, len; /* what the body may and does hold */
    size_t left;     /* of the length, or of this chunk */
    size_t digits, framing;
};

/* content_length: -1 with is_chunked. It must not be above max. */
void http_body_init(struct http_body *body, bool is_chunked, int64_t content_length, size_t max);
/* bytes: what came, behind what was taken before. Moves the body's part of it to the front:
 * *out_kept bytes, of *out_taken. 0, or the status to refuse with. */
NODISCARD int http_body_take(struct http_body *body, char *bytes, size_t len, size_t *out_kept,
                             size_t *out_taken);
bool http_body_is_done(const struct http_body *body);
