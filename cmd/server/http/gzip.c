/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define LEVEL        6  /* measured on our JSON: 9 is twice as long for 1 % */
#define GZIP         16 /* added to the window's bits: this head and this tail, not zlib's */
#define WINDOW_MIN   10
#define WINDOW_MAX   15
#define MEMORY_LEVEL 8
#define SHRINK_BYTES 1024

/* A window as large as the text: setting up a larger one costs more than a small text does. */
static int window_bits(size_t len)
{
    int bits = WINDOW_MIN;
    while (bits < WINDOW_MAX && (size_t)1 << bits < len)
        bits++;
    return bits;
}

char *gzip_pack(const char *bytes, size_t len, size_t most, size_t *out_len)
{
    z_stream z = {.avail_in = (uInt)len, .avail_out = (uInt)most};
    if (len > UINT_MAX || most > UINT_MAX)
        return NULL;
    if (deflateInit2(&z, LEVEL, Z_DEFLATED, window_bits(len) + GZIP, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    char *out = malloc(most + 1);                  /* never 0: that may be NULL */
    z.next_in = (z_const Bytef *)(uintptr_t)bytes; /* zlib reads there only */
    z.next_out = (Bytef *)out;
    const bool is_whole = out != NULL && deflate(&z, Z_FINISH) == Z_STREAM_END;
    IGNORE(deflateEnd(&z), "an unfinished one says so");
    if (!is_whole) {
        free(out);
        return NULL;
    }
    *out_len = z.total_out;
    char *less = most - z.total_out > SHRINK_BYTES ? realloc(out, z.total_out) : NULL;
    return less != NULL ? less : out;
}
