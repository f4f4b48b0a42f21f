/* SPDX-License-Identifier: MIT
 *
 * http_check - is this request framed in exactly one way? Two readings of where a body ends are how
 * requests are smuggled past a proxy, so anything that could be read twice is refused. Pure. */
#pragma once

#include "common/base/base.h"

#define HTTP_HEADERS_MAX 64

struct http_header {
    const char *name, *value;
};

struct http_framing {
    const char *method;
    const struct http_header *headers;
    size_t header_count;
    int64_t content_length; /* as the library understood it; -1 = none */
    int64_t body_max;
};

/* 0 = fine, else the status to refuse with and *out_why, a static text. */
NODISCARD int http_check_framing(const struct http_framing *framing, const char **out_why);
