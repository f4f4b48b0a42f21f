/* SPDX-License-Identifier: MIT
 *
 * negotiate - what a client says about the form of an answer: Accept-Encoding, If-None-Match.
 *
 * A field may come in several lines, which together are one list (RFC 9110, 5.2): each is read on
 * its own into the same result.
 * I1. What can't be read is as if it were not there, and takes nothing else with it: at worst the
 *     answer is sent whole and plain, which every client understands.
 * Threads: pure. Cost: one pass over the text. */
#pragma once

#include "common/base/base.h"

/* Weights as thousandths; -1 = not named. */
struct http_codings {
    int gzip, identity, any;
};

#define HTTP_CODINGS_NONE ((struct http_codings){-1, -1, -1})

/* One line of Accept-Encoding. A coding that is named twice counts as the first time. */
void http_codings_read(struct http_codings *codings, const char *text, size_t len);
/* Gzip may be sent, and is not liked less than plain bytes. */
bool http_codings_take_gzip(const struct http_codings *codings);

/* Does a line of If-None-Match hold this tag (with its quotes), or `*`? Compared weakly: W/"x" is
 * "x" (RFC 9110, 13.1.2). */
bool http_etag_is_listed(const char *text, size_t len, const char *etag);
