/* SPDX-License-Identifier: MIT
 *
 * gzip - bytes made smaller, by zlib.
 *
 * Threads: any. Errors: NULL = no memory, or not smaller than was asked for. Cost: 16 us a KiB of
 * JSON, and 128 to 260 KiB of memory meanwhile. */
#pragma once

#include "common/base/base.h"

/* At most `most` bytes, in one block for the caller to free. */
NODISCARD char *gzip_pack(const char *bytes, size_t len, size_t most, size_t *out_len);
