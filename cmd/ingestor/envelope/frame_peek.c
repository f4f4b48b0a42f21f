/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/frame_peek.h"

#include "common/base/hex.h"

#include <string.h>

#define RAW_KEY "\"raw\""

int frame_peek_byte(struct frame_peek hex, size_t at)
{
    if (hex.len < at + 2)
        return -1;
    const int high = hex_digit(hex.at[at]);
    const int low = hex_digit(hex.at[at + 1]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static struct frame_peek skip_spaces(struct frame_peek text)
{
    while (text.len > 0 &&
           (*text.at == ' ' || *text.at == '\t' || *text.at == '\n' || *text.at == '\r')) {
        text.at++;
        text.len--;
    }
    return text;
}

bool frame_peek_next(struct frame_peek *rest, struct frame_peek *out_hex)
{
    for (;;) {
        const char *const key =
            rest->len > 0 ? memmem(rest->at, rest->len, RAW_KEY, strlen(RAW_KEY)) : NULL;
        if (key == NULL)
            return false;
        rest->len -= (size_t)(key - rest->at) + strlen(RAW_KEY);
        rest->at = key + strlen(RAW_KEY);
        struct frame_peek value = skip_spaces(*rest);
        if (value.len == 0 || *value.at != ':')
            continue; /* a value "raw", not a key */
        value.at++;
        value.len--;
        value = skip_spaces(value);
        if (value.len == 0 || *value.at != '"')
            continue; /* null, a number: no frame */
        value.at++;
        value.len--;
        const char *const end = memchr(value.at, '"', value.len);
        *out_hex =
            (struct frame_peek){value.at, end != NULL ? (size_t)(end - value.at) : value.len};
        rest->len = value.len - out_hex->len;
        rest->at = value.at + out_hex->len;
        if (out_hex->len > 0) /* "" is a keep-alive */
            return true;
    }
}
