/* SPDX-License-Identifier: MIT */
#include "common/utf8.h"

#include <string.h>

static bool is_continuation(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_sequence_len(const uint8_t *p, size_t len)
{
    if (len == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    const size_t need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len < need)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if (!is_continuation(p[i]))
            return 0;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return need;
}

size_t utf8_sanitize(char *dst, size_t cap, const uint8_t *src, size_t len)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t out = 0;
    for (size_t i = 0; i < len;) {
        const size_t run = utf8_sequence_len(src + i, len - i);
        const char *from = run > 0 ? (const char *)src + i : replacement;
        const size_t n = run > 0 ? run : sizeof replacement - 1;
        if (out + n >= cap)
            break;
        memcpy(dst + out, from, n);
        out += n;
        i += run > 0 ? run : 1;
    }
    if (cap > 0)
        dst[out] = '\0';
    return out;
}
