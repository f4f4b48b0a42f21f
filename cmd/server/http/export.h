/* SPDX-License-Identifier: MIT
 *
 * export - an answer that is made piece by piece while the client takes it: a list of unknown
 * length, or a file.
 *
 * One piece is in memory. When the client has taken it, a worker makes the next; so a client that
 * reads slowly costs a piece, and a database that is large costs no more.
 * I1. Of unknown length, pieces go to HTTP/1.1 as chunks, so that what was cut is not taken for
 *     all; else the answer ends with the connection. A piece that can't be made resets the
 *     connection.
 * I2. Of known length it has a Content-Length. Neither kind is cut because no worker is free: it
 *     waits.
 * Threads: next in a worker, free in any; one at a time. Ownership: an export is its ready answer's
 * (ready.h), which is one client's alone. */
#pragma once

#include "common/base/clock.h"

/* A whole chunk may be this much longer than its bytes. */
#define EXPORT_FRAME_BEFORE 10
#define EXPORT_FRAME_AFTER  7

struct http_export {
    /* Makes the next piece; chunked: with its frame (export_frame). */
    void (*next)(struct http_export *self, bool is_chunked);
    void (*free)(struct http_export *self);
    int64_t length; /* of all pieces; 0 = not known */
    bool is_sent;   /* to the last byte: set before it is freed */
    /* set by next */
    mono_us due;       /* the next piece is not wanted before (clock_mono); 0 = as soon as may be */
    const char *bytes; /* borrowed until the next one; len 0 = none yet, ask again */
    size_t len;
    bool is_last, has_failed;
};

/* Puts the frame of a chunk around the `len` bytes at `bytes`, which has room for it on both sides:
 * where it begins and how long it is. Without bytes there is no chunk, but the end may be. */
static inline const char *export_frame(char *bytes, size_t len, bool is_last, size_t *out_len)
{
    static const char digits[] = "0123456789abcdef";
    char *at = len > 0 ? bytes - EXPORT_FRAME_BEFORE : bytes;
    char *end = bytes + len;
    for (int i = 0; i < 8 && len > 0; i++)
        at[i] = digits[len >> (28 - 4 * i) & 15];
    if (len > 0) {
        at[8] = '\r';
        at[9] = '\n';
        *end++ = '\r';
        *end++ = '\n';
    }
    for (const char *c = "0\r\n\r\n"; is_last && *c != '\0'; c++)
        *end++ = *c;
    *out_len = (size_t)(end - at);
    return at;
}
