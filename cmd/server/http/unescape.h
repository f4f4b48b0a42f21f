/* SPDX-License-Identifier: MIT
 *
 * unescape - percent-decoding of one part of a URL, once, and refused rather than guessed at.
 *
 * Refused: an escape that is none, %00 (a C string would end there), bytes that are
 * not UTF-8. Pure. */
#pragma once

#include "common/base/base.h"

enum unescape_kind {
    UNESCAPE_SEGMENT, /* of a path: %2F is refused too, for it would be read as one more segment */
    UNESCAPE_VALUE,   /* of a query: `+` is a space */
};

/* Writes the text and its NUL. Its length, or -1: refused, or no room in cap. */
NODISCARD int unescape(enum unescape_kind kind, const char *from, size_t len, char *out,
                       size_t cap);
