/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/http_body.h"

#include "common/base/hex.h"

#include <string.h>

#define BAD       400
#define TOO_LARGE 413

#define DIGITS_MAX 8

void http_body_init(struct http_body *body, bool is_chunked, int64_t content_length, size_t max)
{
    *body = (struct http_body){.is_chunked = is_chunked, .max = max};
    if (is_chunked) {
        body->place = HTTP_BODY_SIZE;
    } else if (content_length > 0) {
        body->place = HTTP_BODY_DATA;
        body->left = (size_t)content_length;
    }
}

bool http_body_is_done(const struct http_body *body)
{
    return body->place == HTTP_BODY_DONE;
}

static int take_size(struct http_body *body, char c)
{
    const int digit = hex_digit(c);
    if (digit >= 0) {
        body->left = body->left * 16 + (size_t)digit;
        return ++body->digits > DIGITS_MAX ? BAD : 0;
    }
    if (body->digits == 0)
        return BAD;
    if (c == '\r')
        body->place = HTTP_BODY_SIZE_LF;
    else if (c == ';' || c == ' ' || c == '\t')
        body->place = HTTP_BODY_EXTENSION;
    else
        return BAD;
    return 0;
}

/* The one byte that may stand here. */
static int expect(struct http_body *body, char c, char wanted, enum http_body_place next)
{
    body->place = next;
    return c == wanted ? 0 : BAD;
}

static int take_size_lf(struct http_body *body, char c)
{
    body->digits = 0;
    if (body->left > body->max - body->len)
        return TOO_LARGE;
    return expect(body, c, '\n', body->left > 0 ? HTTP_BODY_DATA : HTTP_BODY_TRAILER);
}

/* An extension or a trailer says nothing to us: its line is only followed to its end. */
static int skip_text(struct http_body *body, char c, enum http_body_place next)
{
    if (c == '\r')
        body->place = next;
    return c == '\n' ? BAD : 0;
}

static int take_framing(struct http_body *body, char c)
{
    if (++body->framing > HTTP_BODY_FRAMING_MAX)
        return BAD;
    switch (body->place) {
    case HTTP_BODY_SIZE:
        return take_size(body, c);
    case HTTP_BODY_EXTENSION:
        return skip_text(body, c, HTTP_BODY_SIZE_LF);
    case HTTP_BODY_SIZE_LF:
        return take_size_lf(body, c);
    case HTTP_BODY_DATA_CR:
        return expect(body, c, '\r', HTTP_BODY_DATA_LF);
    case HTTP_BODY_DATA_LF:
        return expect(body, c, '\n', HTTP_BODY_SIZE);
    case HTTP_BODY_TRAILER:
        body->place = c == '\r' ? HTTP_BODY_LAST_LF : HTTP_BODY_TRAILER_TEXT;
        return c == '\n' ? BAD : 0;
    case HTTP_BODY_TRAILER_TEXT:
        return skip_text(body, c, HTTP_BODY_TRAILER_LF);
    case HTTP_BODY_TRAILER_LF:
        return expect(body, c, '\n', HTTP_BODY_TRAILER);
    case HTTP_BODY_LAST_LF:
        return expect(body, c, '\n', HTTP_BODY_DONE);
    case HTTP_BODY_DATA:
    case HTTP_BODY_DONE:
        break;
    }
    return 0;
}

static size_t take_data(struct http_body *body, char *to, const char *from, size_t len)
{
    const size_t n = min_size(len, body->left);
    if (n > 0 && to != from)
        memmove(to, from, n);
    body->left -= n;
    body->len += n;
    if (body->left == 0)
        body->place = body->is_chunked ? HTTP_BODY_DATA_CR : HTTP_BODY_DONE;
    return n;
}

int http_body_take(struct http_body *body, char *bytes, size_t len, size_t *out_kept,
                   size_t *out_taken)
{
    size_t kept = 0;
    size_t at = 0;
    int refused = 0;
    while (refused == 0 && at < len && body->place != HTTP_BODY_DONE) {
        if (body->place == HTTP_BODY_DATA) {
            const size_t n = take_data(body, bytes + kept, bytes + at, len - at);
            kept += n;
            at += n;
        } else {
            refused = take_framing(body, bytes[at++]);
        }
    }
    *out_kept = kept;
    *out_taken = at;
    return refused;
}
