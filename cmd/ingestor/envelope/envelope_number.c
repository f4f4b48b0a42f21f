/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/envelope_number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* No publisher's number comes near; a longer one is not worth a heap buffer. */
#define NUMBER_TEXT_MAX 64
#define PLAIN_DIGITS    15

struct span {
    const char *at, *end;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void trim(struct span *s)
{
    while (s->at < s->end && is_space(*s->at))
        s->at++;
    while (s->at < s->end && is_space(s->end[-1]))
        s->end--;
}

static void drop_unit(struct span *s)
{
    /* A unit that ends another one comes after it. */
    static const char *const units[] = {"dBm", "dB", "mW", "km", "mi", "m"};
    const size_t len = (size_t)(s->end - s->at);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        const size_t n = strlen(units[i]);
        if (len > n && strncasecmp(s->end - n, units[i], n) == 0) {
            s->end -= n;
            return;
        }
    }
}

static size_t skip_digits(struct span *s)
{
    const char *const start = s->at;
    while (s->at < s->end && is_digit(*s->at))
        s->at++;
    return (size_t)(s->at - start);
}

static bool skip_any(struct span *s, const char *chars)
{
    if (s->at == s->end || *s->at == '\0' || strchr(chars, *s->at) == NULL)
        return false;
    s->at++;
    return true;
}

/* [sign] digits [. digits] [e [sign] digits], with a digit on one side of the point at least.
 * Checked here, because strtod also takes names, hexadecimal and leading space. */
static bool is_decimal(struct span s)
{
    (void)skip_any(&s, "+-");
    size_t digits = skip_digits(&s);
    if (skip_any(&s, "."))
        digits += skip_digits(&s);
    if (digits == 0)
        return false;
    if (skip_any(&s, "eE")) {
        (void)skip_any(&s, "+-");
        if (skip_digits(&s) == 0)
            return false;
    }
    return s.at == s.end;
}

/* [-] digits [. digits], as nearly every number comes, without a library's call: so many digits are
 * an integer below 2^53, and a power of ten up to them is exact too, so that one division rounds as
 * strtod does. False: it is none of these. */
static bool read_plain(const char *text, size_t len, double *out)
{
    static const double powers[PLAIN_DIGITS + 1] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    struct span s = {text, text + len};
    const bool is_negative = len > 0 && *text == '-';
    s.at += is_negative;
    int64_t number = 0;
    size_t digits = 0;
    size_t behind_point = 0;
    bool has_point = false;
    for (; s.at < s.end && digits <= PLAIN_DIGITS; s.at++) {
        if (is_digit(*s.at)) {
            number = 10 * number + (*s.at - '0');
            digits++;
            behind_point += has_point;
        } else if (*s.at == '.' && !has_point) {
            has_point = true;
        } else {
            return false;
        }
    }
    if (digits == 0 || digits > PLAIN_DIGITS)
        return false;
    const double value = (double)number / powers[behind_point];
    *out = is_negative ? -value : value;
    return true;
}

double envelope_number_parse(const char *text, size_t len)
{
    double plain = 0;
    if (read_plain(text, len, &plain))
        return plain;
    struct span s = {text, text + len};
    trim(&s);
    drop_unit(&s);
    trim(&s);
    char copy[NUMBER_TEXT_MAX];
    const size_t n = (size_t)(s.end - s.at);
    if (n >= sizeof copy || !is_decimal(s))
        return (double)NAN;
    memcpy(copy, s.at, n);
    copy[n] = '\0';
    const double value = strtod(copy, NULL);
    return isfinite(value) ? value : (double)NAN;
}
