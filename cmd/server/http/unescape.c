/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/unescape.h"

#include "common/base/hex.h"
#include "common/base/utf8.h"

#include <limits.h>

static bool is_utf8(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        const size_t n = utf8_sequence_len((const uint8_t *)text + at, len - at);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

/* The byte that an escape stands for, -1 = not allowed. */
static int escaped_byte(enum unescape_kind kind, const char *from, size_t len)
{
    const int high = len > 1 ? hex_digit(from[1]) : -1;
    const int low = len > 2 ? hex_digit(from[2]) : -1;
    const int byte = high < 0 || low < 0 ? 0 : high * 16 + low;
    return byte == 0 || (kind == UNESCAPE_SEGMENT && byte == '/') ? -1 : byte;
}

int unescape(enum unescape_kind kind, const char *from, size_t len, char *out, size_t cap)
{
    size_t used = 0;
    bool is_ascii = true;
    if (cap == 0)
        return -1;
    for (size_t at = 0; at < len; at++) {
        int byte = (unsigned char)from[at];
        if (byte == '%') {
            byte = escaped_byte(kind, from + at, len - at);
            at += 2;
        } else if (byte == '+' && kind == UNESCAPE_VALUE) {
            byte = ' ';
        }
        if (byte < 0 || used + 1 >= cap || used >= INT_MAX)
            return -1;
        is_ascii &= byte < 0x80;
        out[used++] = (char)byte;
    }
    out[used] = '\0';
    return is_ascii || is_utf8(out, used) ? (int)used : -1;
}
