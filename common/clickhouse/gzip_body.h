/* SPDX-License-Identifier: MIT
 *
 * gzip_body - a request's body as gzip.
 *
 * Why always: a body of rows that is cut where a row ends is stored as if it were whole; of a cut
 * gzip nothing is.
 * Threads: any. Errors: false = no memory, or more than gzip_body takes at once (UINT_MAX).
 * Ownership: *out is the caller's to free. Cost: level 1, 10 ms a MiB; 260 KiB of memory
 * meanwhile. */
#pragma once

#include "common/base/base.h"

NODISCARD bool gzip_body(const void *bytes, size_t len, uint8_t **out, size_t *out_len);
