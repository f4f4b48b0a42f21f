/* SPDX-License-Identifier: MIT */
#include "common/json/json_scan.h"

#include "common/base/hex.h"

#include <string.h>

#define REPLACEMENT 0xfffd

/* What is left of the text. Each scan_ function eats one thing from its front, or fails and leaves
 * the cursor anywhere: a failure ends the whole scan. */
struct cursor {
    const char *at, *end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && is_space(*c->at))
        c->at++;
}

static bool skip_char(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool skip_digits(struct cursor *c)
{
    const char *const start = c->at;
    while (c->at < c->end && is_digit(*c->at))
        c->at++;
    return c->at > start;
}

/* --- escapes ---------------------------------------------------------------------------------- */

/* Four hex digits; false when there are fewer. */
static bool read_hex4(const char *at, const char *end, unsigned *out)
{
    uint8_t unit[2];
    size_t len;
    if (end - at < 4 || !hex_decode(at, 4, unit, sizeof unit, &len))
        return false;
    *out = (unsigned)unit[0] << 8 | unit[1];
    return true;
}

static bool skip_escape(struct cursor *c)
{
    c->at++; /* the backslash */
    if (c->at == c->end)
        return false;
    const char kind = *c->at++;
    if (kind != 'u')
        return kind != '\0' && strchr("\"\\/bfnrt", kind) != NULL;
    unsigned unit;
    if (!read_hex4(c->at, c->end, &unit))
        return false;
    c->at += 4;
    return true;
}

/* The character of a checked \u escape, with the second half of its pair if it has one; *at stands
 * behind the 'u' and is moved on. */
static unsigned read_unicode(const char **at, const char *end)
{
    unsigned high = 0;
    unsigned low;
    (void)read_hex4(*at, end, &high);
    *at += 4;
    if (high < 0xd800 || high > 0xdfff)
        return high != 0 ? high : REPLACEMENT;
    if (high > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u' ||
        !read_hex4(*at + 2, end, &low) || low < 0xdc00 || low > 0xdfff)
        return REPLACEMENT;
    *at += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static size_t encode_utf8(unsigned c, char out[static 4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* One character of a checked string, encoded; *at is moved behind it. */
static size_t read_character(const char **at, const char *end, char out[static 4])
{
    const char c = *(*at)++;
    if (c == '\0')
        return encode_utf8(REPLACEMENT, out);
    if (c != '\\' || *at == end) {
        out[0] = c;
        return 1;
    }
    const char kind = *(*at)++;
    static const char names[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    if (kind == 'u')
        return encode_utf8(read_unicode(at, end), out);
    const char *const name = memchr(names, kind, sizeof names - 1);
    out[0] = name != NULL ? meanings[name - names] : kind;
    return 1;
}

size_t json_unescape(const struct json_value *string, char *out, size_t cap)
{
    size_t n = 0;
    const char *at = string->text;
    const char *const end = string->text + string->len;
    while (at < end) {
        char encoded[4];
        const size_t len = read_character(&at, end, encoded);
        if (n + len >= cap)
            break;
        memcpy(out + n, encoded, len);
        n += len;
    }
    if (cap > 0)
        out[n] = '\0';
    return n;
}

/* --- structure -------------------------------------------------------------------------------- */

static bool scan_string(struct cursor *c, struct json_value *out)
{
    if (!skip_char(c, '"'))
        return false;
    *out = (struct json_value){.kind = JSON_STRING, .text = c->at};
    /* Nearly every string is free of escapes, and the C library finds its end many bytes
     * at a time. */
    const char *const quote = memchr(c->at, '"', (size_t)(c->end - c->at));
    if (quote == NULL)
        return false;
    if (memchr(c->at, '\\', (size_t)(quote - c->at)) == NULL) {
        out->len = (size_t)(quote - c->at);
        c->at = quote + 1;
        return true;
    }
    while (c->at < c->end) {
        if (*c->at == '"') {
            out->len = (size_t)(c->at - out->text);
            c->at++;
            return true;
        }
        if (*c->at != '\\') {
            c->at++;
            continue;
        }
        out->has_escapes = true;
        if (!skip_escape(c))
            return false;
    }
    return false;
}

static bool scan_number(struct cursor *c)
{
    (void)skip_char(c, '-');
    if (!skip_digits(c) || (skip_char(c, '.') && !skip_digits(c)))
        return false;
    if (!skip_char(c, 'e') && !skip_char(c, 'E'))
        return true;
    if (!skip_char(c, '+'))
        (void)skip_char(c, '-');
    return skip_digits(c);
}

static bool scan_word(struct cursor *c, const char *word)
{
    const size_t len = strlen(word);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return false;
    c->at += len;
    return true;
}

static bool scan_value(struct cursor *c, int levels_left, struct json_value *out);

static bool scan_array(struct cursor *c, int levels_left)
{
    struct json_value value;
    c->at++; /* the bracket */
    skip_space(c);
    if (skip_char(c, ']'))
        return true;
    do {
        skip_space(c);
        if (!scan_value(c, levels_left, &value))
            return false;
        skip_space(c);
    } while (skip_char(c, ','));
    return skip_char(c, ']');
}

/* on_member is NULL for an inner object: checked, not handed out. */
static bool scan_object(struct cursor *c, int levels_left, json_member_fn on_member, void *context)
{
    struct json_value key;
    struct json_value value;
    c->at++; /* the brace */
    skip_space(c);
    if (skip_char(c, '}'))
        return true;
    do {
        skip_space(c);
        if (!scan_string(c, &key))
            return false;
        skip_space(c);
        if (!skip_char(c, ':'))
            return false;
        skip_space(c);
        if (!scan_value(c, levels_left, &value))
            return false;
        if (on_member != NULL)
            on_member(context, &key, &value);
        skip_space(c);
    } while (skip_char(c, ','));
    return skip_char(c, '}');
}

static bool scan_value(struct cursor *c, int levels_left, struct json_value *out)
{
    if (c->at == c->end)
        return false;
    if (*c->at == '"')
        return scan_string(c, out);
    *out = (struct json_value){.text = c->at};
    bool is_good;
    switch (*c->at) {
    case '{':
        out->kind = JSON_OBJECT;
        is_good = levels_left > 0 && scan_object(c, levels_left - 1, NULL, NULL);
        break;
    case '[':
        out->kind = JSON_ARRAY;
        is_good = levels_left > 0 && scan_array(c, levels_left - 1);
        break;
    case 'n':
        out->kind = JSON_NULL;
        is_good = scan_word(c, "null");
        break;
    case 't':
        out->kind = JSON_TRUE;
        is_good = scan_word(c, "true");
        break;
    case 'f':
        out->kind = JSON_FALSE;
        is_good = scan_word(c, "false");
        break;
    default:
        out->kind = JSON_NUMBER;
        is_good = scan_number(c);
        break;
    }
    out->len = (size_t)(c->at - out->text);
    return is_good;
}

bool json_scan_object(const char *text, size_t len, int max_depth, json_member_fn on_member,
                      void *context)
{
    struct cursor c = {text, text + len};
    skip_space(&c);
    if (c.at == c.end || *c.at != '{' || max_depth < 1 ||
        !scan_object(&c, max_depth - 1, on_member, context))
        return false;
    while (c.at < c.end && (is_space(*c.at) || *c.at == '\0'))
        c.at++;
    return c.at == c.end;
}

bool json_scan_element(const char *text, size_t len, int max_depth, size_t *at,
                       struct json_value *out)
{
    if (*at >= len)
        return false;
    struct cursor c = {text + *at, text + len};
    struct json_value value;
    skip_space(&c);
    if (!scan_value(&c, max_depth, &value))
        return false;
    skip_space(&c);
    if (c.at < c.end && !skip_char(&c, ','))
        return false;
    *at = (size_t)(c.at - text);
    *out = value;
    return true;
}
