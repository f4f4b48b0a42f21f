/* SPDX-License-Identifier: MIT */
#include "cmd/server/http/query.h"

#include "cmd/server/http/unescape.h"
#include "common/base/clock.h"

#include <string.h>

#define NAME_MAX_BYTES 64
#define REFUSED        400

/* Text on its way into one of the struct's two buffers. */
struct writer {
    char *out;
    size_t used;
    bool is_full;
};

static void put(struct writer *w, char c)
{
    if (w->used + 1 >= HTTP_QUERY_MAX)
        w->is_full = true;
    else
        w->out[w->used++] = c;
}

/* What would be read as something else. */
static void put_escaped(struct writer *w, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text != '%' && *text != '&' && *text != '+') {
            put(w, *text);
            continue;
        }
        put(w, '%');
        put(w, '2');
        put(w, *text == '%' ? '5' : *text == '&' ? '6' : 'B');
    }
}

static bool is_true(const char *value)
{
    return strcmp(value, "1") == 0 || strcmp(value, "true") == 0;
}

/* The declared parameter with this name (still escaped), or -1. */
static int find(const struct http_parameter *declared, const char *name, size_t len)
{
    char text[NAME_MAX_BYTES];
    if (unescape(UNESCAPE_VALUE, name, len, text, sizeof text) < 0)
        return -1;
    for (int i = 0; declared[i].name != NULL; i++) {
        if (strcmp(declared[i].name, text) == 0)
            return i;
    }
    return -1;
}

/* One `name=value`. False = refused. */
static bool read_pair(struct http_query *query, struct writer *text, const char *pair, size_t len)
{
    const char *equals = memchr(pair, '=', len);
    const size_t name_len = equals != NULL ? (size_t)(equals - pair) : len;
    const int which = find(query->declared, pair, name_len);
    if (which < 0 || query->values[which] != NULL)
        return true;
    char *value = text->out + text->used;
    const char *raw = equals != NULL ? equals + 1 : pair + len;
    const int n = unescape(UNESCAPE_VALUE, raw, (size_t)(pair + len - raw), value,
                           HTTP_QUERY_MAX - text->used);
    if (n < 0) {
        query->refused = query->declared[which].name;
        return false;
    }
    if (query->declared[which].kind != HTTP_PARAMETER_FLAG || is_true(value)) {
        query->values[which] = value;
        text->used += (size_t)n + 1;
    }
    return true;
}

static bool write_canonical(struct http_query *query)
{
    struct writer w = {.out = query->canonical};
    for (size_t i = 0; query->declared[i].name != NULL; i++) {
        if (query->values[i] == NULL)
            continue;
        if (w.used > 0)
            put(&w, '&');
        put_escaped(&w, query->declared[i].name);
        put(&w, '=');
        put_escaped(&w, query->declared[i].kind == HTTP_PARAMETER_FLAG ? "1" : query->values[i]);
    }
    query->canonical_len = w.used;
    return !w.is_full;
}

int http_query_parse(struct http_query *query, const struct http_parameter *declared,
                     const char *raw)
{
    query->declared = declared;
    query->refused = NULL;
    query->canonical_len = 0;
    if (declared == NULL)
        return 0;
    memset(query->values, 0, sizeof query->values);
    struct writer text = {.out = query->text};
    while (raw != NULL && *raw != '\0') {
        const size_t len = strcspn(raw, "&");
        if (!read_pair(query, &text, raw, len))
            return REFUSED;
        raw += len;
        raw += *raw == '&';
    }
    return write_canonical(query) ? 0 : REFUSED;
}

const char *http_query_text(const struct http_query *query, const char *name)
{
    for (size_t i = 0; query->declared != NULL && query->declared[i].name != NULL; i++) {
        if (strcmp(query->declared[i].name, name) == 0)
            return query->values[i];
    }
    return NULL;
}

bool http_query_is_set(const struct http_query *query, const char *name)
{
    const char *value = http_query_text(query, name);
    return value != NULL && is_true(value);
}

/* --- values ----------------------------------------------------------------------------------- */

/* Milliseconds from here on: as seconds it is the year 5138. */
#define MS_FROM INT64_C(100000000000)
#define MS_LAST INT64_C(253402300799999) /* of the year 9999, as RFC 3339 ends, too */

/* Nothing but digits; -1 = it is no number. What is too large for any use is the largest. */
static int64_t number_of(const char *text)
{
    int64_t value = 0;
    if (text == NULL || *text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value > INT64_MAX / 10 - 1 ? INT64_MAX / 10 - 1 : value * 10 + (*text - '0');
    }
    return value;
}

size_t http_query_limit(const struct http_query *query, const char *name, size_t otherwise,
                        size_t max)
{
    const int64_t value = number_of(http_query_text(query, name));
    return value <= 0 ? otherwise : (size_t)min_u64((uint64_t)value, max);
}

size_t http_query_offset(const struct http_query *query, const char *name, size_t max)
{
    const int64_t value = number_of(http_query_text(query, name));
    return value <= 0 ? 0 : (size_t)min_u64((uint64_t)value, max);
}

bool http_query_time(const struct http_query *query, const char *name, int64_t *out_ms)
{
    const char *text = http_query_text(query, name);
    if (text == NULL || *text == '\0')
        return true;
    const int64_t value = number_of(text);
    bool is_naive;
    if (value < 0)
        return clock_parse_rfc3339(text, strlen(text), out_ms, &is_naive);
    if (value > MS_LAST)
        return false;
    *out_ms = value < MS_FROM ? value * MS_PER_S : value;
    return true;
}
