/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/envelope/envelope_number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* No publisher's number comes near; a longer one is not worth a heap buffer. */
#define NUMBER_TEXT_MAX 64

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

double envelope_number_parse(const char *text, size_t len)
{
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
