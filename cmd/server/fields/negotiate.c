/* SPDX-License-Identifier: MIT */
#include "cmd/server/fields/negotiate.h"

#include <string.h>
#include <strings.h>

#define WHOLE 1000 /* a weight of 1 */

/* What is left of a text. */
struct rest {
    const char *at, *end;
};

static bool is_at(const struct rest *r, char c)
{
    return r->at < r->end && *r->at == c;
}

static bool take(struct rest *r, char c)
{
    const bool is_there = is_at(r, c);
    r->at += is_there;
    return is_there;
}

static void skip_blanks(struct rest *r)
{
    while (is_at(r, ' ') || is_at(r, '\t'))
        r->at++;
}

/* The next element of a comma-separated list, without the blanks around it; may be empty. False =
 * there is none. */
static bool next_element(struct rest *list, struct rest *out)
{
    skip_blanks(list);
    if (list->at == list->end)
        return false;
    const char *comma = memchr(list->at, ',', (size_t)(list->end - list->at));
    *out = (struct rest){list->at, comma != NULL ? comma : list->end};
    list->at = comma != NULL ? comma + 1 : list->end;
    while (out->end > out->at && (out->end[-1] == ' ' || out->end[-1] == '\t'))
        out->end--;
    return true;
}

/* --- Accept-Encoding -------------------------------------------------------------------------- */

/* "1", "0.5", "0.123"; -1 = none of these (RFC 9110, 12.4.2). */
static int read_weight(struct rest r)
{
    const size_t len = (size_t)(r.end - r.at);
    if (len == 0 || len > 5 || (*r.at != '0' && *r.at != '1') || (len > 1 && r.at[1] != '.'))
        return -1;
    int weight = (*r.at - '0') * WHOLE;
    for (size_t i = 2, unit = WHOLE / 10; i < len; i++, unit /= 10) {
        if (r.at[i] < '0' || r.at[i] > '9')
            return -1;
        weight += (r.at[i] - '0') * (int)unit;
    }
    return weight <= WHOLE ? weight : -1;
}

/* Behind the coding's name: nothing, or `;q=`. -1 = can't be read. */
static int weight_of(struct rest r)
{
    skip_blanks(&r);
    if (r.at == r.end)
        return WHOLE;
    if (!take(&r, ';'))
        return -1;
    skip_blanks(&r);
    if (!take(&r, 'q') && !take(&r, 'Q'))
        return -1;
    return take(&r, '=') ? read_weight(r) : -1;
}

static void note(struct http_codings *codings, const char *name, size_t len, int weight)
{
    static const struct {
        const char *name;
        size_t offset;
    } known[] = {
        {"gzip", offsetof(struct http_codings, gzip)},
        {"x-gzip", offsetof(struct http_codings, gzip)}, /* the same (RFC 9110, 8.4.1.3) */
        {"identity", offsetof(struct http_codings, identity)},
        {"*", offsetof(struct http_codings, any)},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        int *field = (int *)(void *)((char *)codings + known[i].offset);
        if (strlen(known[i].name) == len && strncasecmp(name, known[i].name, len) == 0 &&
            *field < 0)
            *field = weight;
    }
}

void http_codings_read(struct http_codings *codings, const char *text, size_t len)
{
    struct rest list = {text, text + len};
    for (struct rest element; next_element(&list, &element);) {
        const char *name = element.at;
        while (element.at < element.end && memchr(" \t;", *element.at, 3) == NULL)
            element.at++;
        const int weight = weight_of(element);
        if (weight >= 0)
            note(codings, name, (size_t)(element.at - name), weight);
    }
}

bool http_codings_take_gzip(const struct http_codings *codings)
{
    const int gzip = codings->gzip >= 0 ? codings->gzip : codings->any;
    return gzip > 0 && gzip >= codings->identity;
}

/* --- If-None-Match ---------------------------------------------------------------------------- */

/* A tag is what stands between two quotes, commas too: the list is not cut at its commas. */
bool http_etag_is_listed(const char *text, size_t len, const char *etag)
{
    const size_t wanted = strlen(etag);
    struct rest r = {text, text + len};
    while (r.at < r.end) {
        if (take(&r, ' ') || take(&r, '\t') || take(&r, ','))
            continue;
        if (is_at(&r, '*'))
            return true;
        if (r.end - r.at > 2 && r.at[0] == 'W' && r.at[1] == '/')
            r.at += 2;
        const char *from = r.at;
        const char *end = take(&r, '"') ? memchr(r.at, '"', (size_t)(r.end - r.at)) : NULL;
        if (end == NULL)
            return false;
        r.at = end + 1;
        if ((size_t)(r.at - from) == wanted && memcmp(from, etag, wanted) == 0)
            return true;
    }
    return false;
}
