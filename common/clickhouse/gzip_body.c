/* SPDX-License-Identifier: MIT */
#include "common/clickhouse/gzip_body.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define LEVEL        1         /* rows a third smaller; 6 takes four times as long for a tenth */
#define WINDOW       (15 + 16) /* 16: gzip's head and tail, not zlib's */
#define MEMORY_LEVEL 8

bool gzip_body(const void *bytes, size_t len, uint8_t **out, size_t *out_len)
{
    z_stream z = {.avail_in = (uInt)len};
    if (len > UINT_MAX ||
        deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    const uLong most = deflateBound(&z, (uLong)len);
    uint8_t *packed = most <= UINT_MAX ? malloc(most) : NULL;
    z.next_in = (z_const Bytef *)(uintptr_t)bytes; /* zlib reads there only */
    z.next_out = packed;
    z.avail_out = (uInt)most;
    const bool is_whole = packed != NULL && deflate(&z, Z_FINISH) == Z_STREAM_END;
    IGNORE(deflateEnd(&z), "an unfinished one says so");
    if (!is_whole) {
        free(packed);
        return false;
    }
    *out = packed;
    *out_len = z.total_out;
    return true;
}
