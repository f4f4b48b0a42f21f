/* SPDX-License-Identifier: MIT */
#include "common/base/hex.h"

/* Every digit's value plus this bit, so that the zero of an unnamed entry means "no digit" and one
 * AND over the whole text, tested once at the end, replaces a branch per character. */
#define IS_DIGIT 0x10

static const uint8_t digit_of[256] = {
    ['0'] = IS_DIGIT | 0,  ['1'] = IS_DIGIT | 1,  ['2'] = IS_DIGIT | 2,  ['3'] = IS_DIGIT | 3,
    ['4'] = IS_DIGIT | 4,  ['5'] = IS_DIGIT | 5,  ['6'] = IS_DIGIT | 6,  ['7'] = IS_DIGIT | 7,
    ['8'] = IS_DIGIT | 8,  ['9'] = IS_DIGIT | 9,  ['A'] = IS_DIGIT | 10, ['B'] = IS_DIGIT | 11,
    ['C'] = IS_DIGIT | 12, ['D'] = IS_DIGIT | 13, ['E'] = IS_DIGIT | 14, ['F'] = IS_DIGIT | 15,
    ['a'] = IS_DIGIT | 10, ['b'] = IS_DIGIT | 11, ['c'] = IS_DIGIT | 12, ['d'] = IS_DIGIT | 13,
    ['e'] = IS_DIGIT | 14, ['f'] = IS_DIGIT | 15,
};

int hex_digit(char c)
{
    const uint8_t digit = digit_of[(uint8_t)c];
    return digit == 0 ? -1 : digit & 0x0f;
}

bool hex_decode(const char *text, size_t len, uint8_t *out, size_t cap, size_t *out_len)
{
    if (len % 2 != 0 || len / 2 > cap)
        return false;
    unsigned all = IS_DIGIT;
    for (size_t i = 0; i < len / 2; i++) {
        const unsigned high = digit_of[(uint8_t)text[2 * i]];
        const unsigned low = digit_of[(uint8_t)text[2 * i + 1]];
        all &= high & low;
        out[i] = (uint8_t)(high << 4 | (low & 0x0f));
    }
    if (all == 0)
        return false;
    *out_len = len / 2;
    return true;
}

static void encode(const uint8_t *bytes, size_t len, char *out, const char digits[static 16])
{
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 0x0f];
    }
    out[2 * len] = '\0';
}

void hex_encode_lower(const uint8_t *bytes, size_t len, char *out)
{
    encode(bytes, len, out, "0123456789abcdef");
}

void hex_encode_upper(const uint8_t *bytes, size_t len, char *out)
{
    encode(bytes, len, out, "0123456789ABCDEF");
}
