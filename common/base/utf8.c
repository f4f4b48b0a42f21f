/* SPDX-License-Identifier: MIT */
#include "common/base/utf8.h"

#include <string.h>

static bool is_continuation(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* Bytes that the character begun by this one has; 0 when none begins with it. */
static size_t announced(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Overlong forms, surrogates and what is above U+10FFFF all show in the second byte. */
static bool is_second(uint8_t first, uint8_t second)
{
    return is_continuation(second) && !(first == 0xe0 && second < 0xa0) &&
           !(first == 0xed && second > 0x9f) && !(first == 0xf0 && second < 0x90) &&
           !(first == 0xf4 && second > 0x8f);
}

/* How many bytes from p on could belong to the one character that begins there. */
static size_t matching(const uint8_t *p, size_t len, size_t need)
{
    size_t n = 1;
    if (n < need && n < len && is_second(p[0], p[1]))
        n++;
    while (n >= 2 && n < need && n < len && is_continuation(p[n]))
        n++;
    return n;
}

size_t utf8_sequence_len(const uint8_t *p, size_t len)
{
    if (len == 0)
        return 0;
    const size_t need = announced(p[0]);
    return need > 0 && matching(p, len, need) == need ? need : 0;
}

size_t utf8_bad_len(const uint8_t *p, size_t len)
{
    const size_t need = announced(p[0]);
    return need > 0 ? matching(p, len, need) : 1;
}

size_t utf8_whole_len(const uint8_t *p, size_t len)
{
    for (size_t piece = 1; piece < 4 && piece <= len; piece++) {
        const uint8_t *from = p + len - piece;
        const size_t need = announced(*from);
        if (need > piece && matching(from, piece, need) == piece)
            return len - piece;
    }
    return len;
}

size_t utf8_sanitize(char *dst, size_t cap, const uint8_t *src, size_t len)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t out = 0;
    for (size_t i = 0; i < len;) {
        if (src[i] < 0x80 && out + 1 < cap) { /* nearly all text; a third of an envelope's cost */
            dst[out++] = (char)src[i++];
            continue;
        }
        const size_t run = utf8_sequence_len(src + i, len - i);
        const char *from = run > 0 ? (const char *)src + i : replacement;
        const size_t n = run > 0 ? run : sizeof replacement - 1;
        if (out + n >= cap)
            break;
        memcpy(dst + out, from, n);
        out += n;
        i += run > 0 ? run : utf8_bad_len(src + i, len - i);
    }
    if (cap > 0)
        dst[out] = '\0';
    return out;
}

size_t utf8_clean(char *dst, size_t cap, const uint8_t *src, size_t len)
{
    const size_t valid = utf8_sanitize(dst, cap, src, len);
    size_t kept = 0;
    for (size_t i = 0; i < valid; i++) {
        const unsigned char c = (unsigned char)dst[i];
        if (c == 0xc2 && (unsigned char)dst[i + 1] < 0xa0)
            i++;
        else if (c >= 0x20 && c != 0x7f)
            dst[kept++] = dst[i];
    }
    dst[kept] = '\0';
    return kept;
}
