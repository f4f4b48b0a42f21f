/* SPDX-License-Identifier: MIT
 *
 * Whether a comma is due shows in the last byte written: none after an opening bracket or a colon.
 * Values never end in one of these, because a string ends in its quote. */
#include "common/json/json_write.h"

#include "common/base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROW_FIRST 4096

static const char digits_lower[] = "0123456789abcdef";
static const char digits_upper[] = "0123456789ABCDEF";

void jw_init(struct json_write *w, char *out, size_t cap)
{
    *w = (struct json_write){.out = out, .cap = cap};
}

size_t jw_finish(struct json_write *w)
{
    if (w->is_full)
        w->len = 0;
    w->out[w->len] = '\0';
    return w->len;
}

void jw_grow(struct json_write *w, size_t max)
{
    *w = (struct json_write){.max = max};
}

/* What is taken may be kept for long. */
static char *without_spare(char *text, size_t size)
{
    char *fitting = realloc(text, size);
    if (fitting == NULL)
        return text;
    return fitting;
}

char *jw_take(struct json_write *w, size_t *out_len)
{
    char *text = w->out;
    if (w->is_full || text == NULL) {
        free(text);
        text = NULL;
    } else {
        text[w->len] = '\0';
        *out_len = w->len;
        text = without_spare(text, w->len + 1);
    }
    *w = (struct json_write){0};
    return text;
}

/* Twice as much, and what is asked for, as far as the limit allows. */
static bool grow(struct json_write *w, size_t n)
{
    if (w->max == 0 || n > w->max - 1 - w->len)
        return false;
    size_t cap = w->cap > 0 ? w->cap : GROW_FIRST;
    while (cap - 1 - w->len < n)
        cap *= 2;
    cap = cap < w->max ? cap : w->max;
    char *out = realloc(w->out, cap);
    if (out == NULL)
        return false;
    w->out = out;
    w->cap = cap;
    return true;
}

/* Room for n bytes, or NULL: then nothing fits any more. */
static char *reserve(struct json_write *w, size_t n)
{
    if (w->is_full || (n + 1 > w->cap - w->len && !grow(w, n))) {
        w->is_full = true;
        return NULL;
    }
    char *at = w->out + w->len;
    w->len += n;
    return at;
}

static void put(struct json_write *w, const char *bytes, size_t n)
{
    char *at = reserve(w, n);
    if (at != NULL)
        memcpy(at, bytes, n);
}

static void put_char(struct json_write *w, char c)
{
    char *at = reserve(w, 1);
    if (at != NULL)
        *at = c;
}

/* Keys are literals of ours, so they need no escapes. */
static void begin_value(struct json_write *w, const char *key)
{
    if (w->len > 0) {
        const char last = w->out[w->len - 1];
        if (last != '{' && last != '[' && last != ':')
            put_char(w, ',');
    }
    if (key == NULL)
        return;
    const size_t len = strlen(key);
    char *at = reserve(w, len + 3);
    if (at == NULL)
        return;
    at[0] = '"';
    memcpy(at + 1, key, len);
    at[len + 1] = '"';
    at[len + 2] = ':';
}

void jw_key(struct json_write *w, const char *key)
{
    jw_string(w, NULL, key);
    put_char(w, ':');
}

void jw_object(struct json_write *w, const char *key)
{
    begin_value(w, key);
    put_char(w, '{');
}

void jw_object_end(struct json_write *w)
{
    put_char(w, '}');
}

void jw_array(struct json_write *w, const char *key)
{
    begin_value(w, key);
    put_char(w, '[');
}

void jw_array_end(struct json_write *w)
{
    put_char(w, ']');
}

static void put_escaped(struct json_write *w, uint8_t c)
{
    static const char short_of[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\') {
        put(w, (const char[]){'\\', (char)c}, 2);
    } else if (short_of[c] != 0) {
        put(w, (const char[]){'\\', short_of[c]}, 2);
    } else {
        put(w, "\\u00", 4);
        put(w, (const char[]){digits_lower[c >> 4], digits_lower[c & 0x0f]}, 2);
    }
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void put_text(struct json_write *w, const uint8_t *text, size_t len)
{
    for (size_t at = 0; at < len && !w->is_full;) {
        size_t run = 0;
        while (at + run < len && is_plain(text[at + run]))
            run++;
        if (run == 0 && text[at] >= 0x80)
            run = utf8_sequence_len(text + at, len - at);
        if (run > 0) {
            put(w, (const char *)text + at, run);
        } else if (text[at] >= 0x80) {
            put(w, "\xef\xbf\xbd", 3);
            run = utf8_bad_len(text + at, len - at);
        } else {
            put_escaped(w, text[at]);
            run = 1;
        }
        at += run;
    }
}

void jw_text(struct json_write *w, const char *key, const char *text, size_t len)
{
    begin_value(w, key);
    put_char(w, '"');
    put_text(w, (const uint8_t *)text, len);
    put_char(w, '"');
}

void jw_string(struct json_write *w, const char *key, const char *text)
{
    jw_text(w, key, text, strlen(text));
}

void jw_string_or_null(struct json_write *w, const char *key, const char *text)
{
    if (*text != '\0')
        jw_string(w, key, text);
    else
        jw_null(w, key);
}

void jw_bool(struct json_write *w, const char *key, bool value)
{
    begin_value(w, key);
    if (value)
        put(w, "true", 4);
    else
        put(w, "false", 5);
}

void jw_null(struct json_write *w, const char *key)
{
    begin_value(w, key);
    put(w, "null", 4);
}

/* At least min_digits, with leading zeros. */
static void put_uint(struct json_write *w, uint64_t value, unsigned min_digits)
{
    char text[20];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0 || sizeof text - at < min_digits);
    put(w, text + at, sizeof text - at);
}

void jw_uint(struct json_write *w, const char *key, uint64_t value)
{
    begin_value(w, key);
    put_uint(w, value, 1);
}

/* Of INT64_MIN too. */
static uint64_t magnitude(int64_t value)
{
    return value < 0 ? ~(uint64_t)value + 1 : (uint64_t)value;
}

void jw_int(struct json_write *w, const char *key, int64_t value)
{
    jw_decimal(w, key, value, 0);
}

void jw_decimal(struct json_write *w, const char *key, int64_t value, unsigned places)
{
    uint64_t rest = magnitude(value);
    for (; places > 0 && rest % 10 == 0; places--)
        rest /= 10;
    uint64_t unit = 1;
    for (unsigned i = 0; i < places; i++)
        unit *= 10;
    begin_value(w, key);
    if (value < 0)
        put_char(w, '-');
    put_uint(w, rest / unit, 1);
    if (places > 0) {
        put_char(w, '.');
        put_uint(w, rest % unit, places);
    }
}

void jw_rounded(struct json_write *w, const char *key, double value, unsigned places)
{
    double scale = 1;
    for (unsigned i = 0; i < places; i++)
        scale *= 10;
    if (isfinite(value))
        jw_decimal(w, key, llround(value * scale), places);
    else
        jw_null(w, key);
}

void jw_real(struct json_write *w, const char *key, double value)
{
    char text[32];
    if (!isfinite(value)) {
        jw_null(w, key);
        return;
    }
    int len = snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        len = snprintf(text, sizeof text, "%.17g", value);
    begin_value(w, key);
    put(w, text, (size_t)len);
}

void jw_known_int(struct json_write *w, const char *key, int64_t value)
{
    if (value != JW_UNKNOWN)
        jw_int(w, key, value);
}

void jw_known_uint(struct json_write *w, const char *key, uint64_t value)
{
    if (value != JW_UNKNOWN_COUNT)
        jw_uint(w, key, value);
}

void jw_known_real(struct json_write *w, const char *key, double value)
{
    if (isfinite(value))
        jw_real(w, key, value);
}

void jw_time(struct json_write *w, const char *key, wall_us value)
{
    char text[32] = "";
    if (value != JW_UNKNOWN) {
        (void)clock_rfc3339(value, text);
        char *fraction = strchr(text, '.');
        if (fraction != NULL && strcmp(fraction, ".000Z") == 0)
            memcpy(fraction, "Z", sizeof "Z");
    }
    jw_string(w, key, text);
}

void jw_raw(struct json_write *w, const char *key, const char *json, size_t len)
{
    begin_value(w, key);
    put(w, json, len);
}

static void put_hex(struct json_write *w, const char *key, const uint8_t *bytes, size_t len,
                    const char digits[static 16])
{
    begin_value(w, key);
    char *at = reserve(w, 2 * len + 2);
    if (at == NULL)
        return;
    *at++ = '"';
    for (size_t i = 0; i < len; i++) {
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 0x0f];
    }
    *at = '"';
}

void jw_hex_lower(struct json_write *w, const char *key, const uint8_t *bytes, size_t len)
{
    put_hex(w, key, bytes, len, digits_lower);
}

void jw_hex_upper(struct json_write *w, const char *key, const uint8_t *bytes, size_t len)
{
    put_hex(w, key, bytes, len, digits_upper);
}
