/* SPDX-License-Identifier: MIT */
#include "common/json/json_fault.h"

#include "common/base/hex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BOM             "\xef\xbb\xbf"
#define WORD_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$"
#define DIGITS          "0123456789"

/* What is left of the text. Each read_ function eats one thing from its front; false: the fault is
 * noted, and that ends everything. */
struct reader {
    const char *text, *at, *end;
    int depth_left;
    struct json_fault *fault;
};

/* --- the fault -------------------------------------------------------------------------------- */

static void count_lines(const char *text, const char *at, size_t *out_line, size_t *out_column)
{
    size_t line = 1, column = 1;
    for (const char *c = text; c < at; c++) {
        const bool is_continuation = ((unsigned char)*c & 0xc0) == 0x80;
        line += *c == '\n' ? 1 : 0;
        column = *c == '\n' ? 1 : column + (is_continuation ? 0 : 1);
    }
    *out_line = line;
    *out_column = column;
}

/* False, for the caller to return. */
static PRINTF(3, 4) bool fail(struct reader *r, const char *at, const char *fmt, ...)
{
    va_list ap;
    count_lines(r->text, at, &r->fault->line, &r->fault->column);
    va_start(ap, fmt);
    (void)vsnprintf(r->fault->why, sizeof r->fault->why, fmt, ap);
    va_end(ap);
    return false;
}

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

static bool begins_with(const struct reader *r, const char *prefix)
{
    const size_t len = strlen(prefix);
    return left(r) >= len && memcmp(r->at, prefix, len) == 0;
}

static bool is_next(const struct reader *r, char c)
{
    return r->at < r->end && *r->at == c;
}

static bool is_one_of(const struct reader *r, const char *characters)
{
    return r->at < r->end && *r->at != '\0' && strchr(characters, *r->at) != NULL;
}

/* Word processors and phones make these of a straight quote. */
static bool is_typographic_quote(const struct reader *r)
{
    static const char *const quotes[] = {"\xe2\x80\x9c", "\xe2\x80\x9d", "\xe2\x80\x9e",
                                         "\xe2\x80\x98", "\xe2\x80\x99", "\xc2\xab",
                                         "\xc2\xbb"};
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        if (begins_with(r, quotes[i]))
            return true;
    }
    return false;
}

static bool is_comment(const struct reader *r)
{
    return begins_with(r, "//") || begins_with(r, "/*") || is_next(r, '#');
}

/* What can stand nowhere between two values. True = noted. */
static bool is_stranger(struct reader *r)
{
    if (is_comment(r))
        (void)fail(r, r->at,
                   "a comment: JSON has none; use a key that begins with _comment, or take it out");
    else if (is_next(r, '\'') || is_typographic_quote(r))
        (void)fail(r, r->at, "this quote is none of JSON's: write straight double quotes");
    else if (is_next(r, '\0'))
        (void)fail(r, r->at, "a NUL byte: save the file as plain text, UTF-8");
    else if (begins_with(r, "\xc2\xa0"))
        (void)fail(r, r->at, "a no-break space (from a web page?): write an ordinary space");
    else
        return false;
    return true;
}

static void skip_space(struct reader *r)
{
    while (is_one_of(r, " \t\r\n"))
        r->at++;
}

/* --- strings ---------------------------------------------------------------------------------- */

static bool read_unicode(struct reader *r, const char *backslash, unsigned *out)
{
    uint8_t unit[2];
    size_t len;
    if (left(r) < 4 || !hex_decode(r->at, 4, unit, sizeof unit, &len))
        return fail(r, backslash, "\\u must be followed by four hex digits");
    *out = (unsigned)unit[0] << 8 | unit[1];
    r->at += 4;
    return true;
}

static bool read_escape(struct reader *r)
{
    const char *const backslash = r->at++;
    unsigned high = 0, low = 0;
    if (!is_one_of(r, "\"\\/bfnrtu"))
        return fail(r, backslash, "a lone backslash: write it twice, or / where it parts folders");
    if (*r->at++ != 'u')
        return true;
    if (!read_unicode(r, backslash, &high))
        return false;
    if (high == 0)
        return fail(r, backslash, "\\u0000: a text can't hold a NUL");
    if (high < 0xd800 || high > 0xdfff)
        return true;
    if (high > 0xdbff || !begins_with(r, "\\u"))
        return fail(r, backslash, "half a character: this \\u needs the other half of its pair");
    r->at += 2;
    if (!read_unicode(r, backslash, &low))
        return false;
    return (low >= 0xdc00 && low <= 0xdfff) ||
           fail(r, backslash, "half a character: this \\u needs the other half of its pair");
}

static bool read_string(struct reader *r)
{
    const char *const quote = r->at++;
    for (;;) {
        if (r->at == r->end || *r->at == '\n' || *r->at == '\r')
            return fail(r, quote, "the double quote that closes this text is missing on its line");
        if (*r->at == '\0')
            return fail(r, r->at, "a NUL byte: save the file as plain text, UTF-8");
        if (*r->at == '\\') {
            if (!read_escape(r))
                return false;
        } else if (*r->at++ == '"') {
            return true;
        }
    }
}

/* --- numbers and words ------------------------------------------------------------------------ */

static size_t skip_digits(struct reader *r)
{
    const char *const start = r->at;
    while (is_one_of(r, DIGITS))
        r->at++;
    return (size_t)(r->at - start);
}

#define NO_NUMBER "no number of JSON's: "

/* What follows a number where only white space, a comma or a bracket could. */
static bool refuse_tail(struct reader *r, const char *start)
{
    if (is_one_of(r, "xX"))
        return fail(r, start, NO_NUMBER "write it in decimal digits");
    if (is_one_of(r, "_'"))
        return fail(r, start, NO_NUMBER "nothing may stand between its digits");
    if (is_next(r, '.'))
        return fail(r, start, NO_NUMBER "it has two points; text must stand in double quotes");
    return fail(r, start, NO_NUMBER "digits alone, without unit; text must stand in double quotes");
}

/* The digits behind the point and behind the e, where there are any. */
static bool read_fraction(struct reader *r, const char *start)
{
    if (is_next(r, '.')) {
        r->at++;
        if (skip_digits(r) == 0)
            return fail(r, start, NO_NUMBER "digits must stand on both sides of its point");
    }
    if (is_one_of(r, "eE")) {
        r->at++;
        r->at += is_one_of(r, "+-") ? 1 : 0;
        if (skip_digits(r) == 0)
            return refuse_tail(r, start);
    }
    return true;
}

static bool read_number(struct reader *r)
{
    const char *const start = r->at;
    if (is_next(r, '+'))
        return fail(r, start, NO_NUMBER "leave the + out");
    r->at += is_next(r, '-') ? 1 : 0;
    const bool begins_with_zero = is_next(r, '0');
    const size_t digits = skip_digits(r);
    if (digits == 0)
        return is_next(r, '.')
                   ? fail(r, start, NO_NUMBER "digits must stand on both sides of its point")
                   : refuse_tail(r, start);
    if (begins_with_zero && digits > 1)
        return fail(r, start, NO_NUMBER "leave the leading 0 out");
    return read_fraction(r, start) &&
           (!is_one_of(r, WORD_CHARACTERS ".'%:") || refuse_tail(r, start));
}

static bool is_word(const char *word, size_t len, const char *wanted)
{
    return strlen(wanted) == len && strncasecmp(word, wanted, len) == 0;
}

static bool read_word(struct reader *r)
{
    static const char *const words[] = {"true", "false", "null"};
    static const struct {
        const char *word, *right;
    } mistaken[] = {{"yes", "true"}, {"on", "true"},   {"no", "false"},      {"off", "false"},
                    {"nil", "null"}, {"none", "null"}, {"undefined", "null"}};
    const char *const start = r->at;
    while (is_one_of(r, WORD_CHARACTERS))
        r->at++;
    const size_t len = (size_t)(r->at - start);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (len == strlen(words[i]) && memcmp(start, words[i], len) == 0)
            return true;
        if (is_word(start, len, words[i]))
            return fail(r, start, "write %s, in small letters", words[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(mistaken); i++) {
        if (is_word(start, len, mistaken[i].word))
            return fail(r, start, "no word of JSON's: write %s", mistaken[i].right);
    }
    return fail(r, start, "text must stand in double quotes");
}

/* --- objects and lists ------------------------------------------------------------------------ */

static bool read_value(struct reader *r);

/* An object or a list, from its opening bracket on. */
struct container {
    const char *open;
    char close;
    const char *member; /* "key" or "value", for messages */
};

static const char *end_of_text(const struct reader *r)
{
    const char *end = r->end;
    while (end > r->text && strchr(" \t\r\n", end[-1]) != NULL)
        end--;
    return end;
}

static bool refuse_end(struct reader *r, const struct container *c)
{
    size_t line, column;
    count_lines(r->text, c->open, &line, &column);
    return fail(r, end_of_text(r),
                "the text ends here, but the %c of line %zu is not closed: "
                "a %c is missing",
                *c->open, line, c->close);
}

static bool refuse_bracket(struct reader *r, const struct container *c)
{
    size_t line, column;
    count_lines(r->text, c->open, &line, &column);
    return fail(r, r->at, "this %c closes nothing: the %c of line %zu is closed by %c", *r->at,
                *c->open, line, c->close);
}

static bool read_key(struct reader *r)
{
    if (!is_next(r, '"')) {
        if (is_stranger(r))
            return false;
        return is_one_of(r, WORD_CHARACTERS)
                   ? fail(r, r->at, "a key must stand in double quotes")
                   : fail(r, r->at, "a key in double quotes must stand here");
    }
    if (!read_string(r))
        return false;
    const char *const behind = r->at;
    skip_space(r);
    if (is_next(r, ':')) {
        r->at++;
        return true;
    }
    if (is_stranger(r))
        return false;
    return is_next(r, '=') ? fail(r, r->at, "between key and value stands a colon, no =")
                           : fail(r, behind, "a colon is missing between key and value");
}

/* Behind a member. *out_is_last: the closing bracket was eaten. */
static bool read_separator(struct reader *r, const struct container *c, bool *out_is_last)
{
    const char *const behind = r->at;
    skip_space(r);
    *out_is_last = is_next(r, c->close);
    if (*out_is_last) {
        r->at++;
        return true;
    }
    if (is_next(r, ',')) {
        const char *const comma = r->at++;
        skip_space(r);
        if (is_next(r, c->close))
            return fail(r, comma, "a comma before %c: the last %s has none behind it", c->close,
                        c->member);
        return !is_next(r, ',') || fail(r, r->at, "one comma too many");
    }
    if (r->at == r->end)
        return refuse_end(r, c);
    if (is_stranger(r))
        return false;
    if (is_one_of(r, "]}"))
        return refuse_bracket(r, c);
    if (is_next(r, ';'))
        return fail(r, r->at, "between two of them stands a comma, no semicolon");
    return fail(r, behind, "a comma is missing here, between two %ss", c->member);
}

static bool read_members(struct reader *r, const struct container *c)
{
    const bool has_keys = c->close == '}';
    bool is_last = false;
    r->at++;
    skip_space(r);
    if (is_next(r, c->close)) {
        r->at++;
        return true;
    }
    while (!is_last) {
        skip_space(r);
        if (r->at == r->end)
            return refuse_end(r, c);
        if (is_one_of(r, has_keys ? "]" : "}"))
            return refuse_bracket(r, c);
        if ((has_keys && !read_key(r)) || !read_value(r) || !read_separator(r, c, &is_last))
            return false;
    }
    return true;
}

static bool read_container(struct reader *r)
{
    const bool is_object = is_next(r, '{');
    const struct container c = {r->at, is_object ? '}' : ']', is_object ? "key" : "value"};
    if (r->depth_left == 0)
        return fail(r, r->at, "nested too deep");
    r->depth_left--;
    const bool is_good = read_members(r, &c);
    r->depth_left++;
    return is_good;
}

static bool read_value(struct reader *r)
{
    skip_space(r);
    if (r->at == r->end || is_one_of(r, ",}]:;"))
        return fail(r, r->at, "a value is missing here");
    if (is_next(r, '"'))
        return read_string(r);
    if (is_one_of(r, "{["))
        return read_container(r);
    if (is_one_of(r, DIGITS "+-."))
        return read_number(r);
    if (is_stranger(r))
        return false;
    if (is_one_of(r, WORD_CHARACTERS))
        return read_word(r);
    return fail(r, r->at, "text must stand in double quotes");
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool is_scalar(const struct reader *r)
{
    return begins_with(r, "true") || begins_with(r, "false") || begins_with(r, "null");
}

static bool read_text(struct reader *r)
{
    skip_space(r);
    if (r->at == r->end)
        return fail(r, r->text, "it is empty; the least is {}");
    if (!is_one_of(r, "{[\"-" DIGITS) && !is_scalar(r))
        return !is_stranger(r) && fail(r, r->at, "this is no JSON, which begins with {");
    if (is_next(r, '"')) {
        /* "key": value, without the braces around it all? */
        const char *const start = r->at;
        if (!read_string(r))
            return false;
        skip_space(r);
        if (is_next(r, ':'))
            return fail(r, start, "the { before the first key is missing");
    } else if (!read_value(r)) {
        return false;
    }
    skip_space(r);
    if (r->at == r->end)
        return true;
    if (is_stranger(r))
        return false;
    return is_one_of(r, "}]")
               ? fail(r, r->at, "one %c too many: everything is closed already", *r->at)
               : fail(r, r->at, "text behind the end: one value, closed above, is the whole file");
}

bool json_find_fault(const char *text, size_t len, int max_depth, struct json_fault *out)
{
    struct reader r = {.text = text, .at = text, .end = text + len};
    r.depth_left = max_depth;
    r.fault = out;
    if (begins_with(&r, BOM)) {
        r.at += sizeof BOM - 1;
        r.text = r.at;
    }
    return !read_text(&r);
}
