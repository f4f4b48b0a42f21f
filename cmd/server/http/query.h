/* SPDX-License-Identifier: MIT
 *
 * query - a request's query, read by the parameters that its route declares.
 *
 * I1. What the route does not declare is not looked at, so nobody can make two answers of one by
 *     adding to a query.
 * I2. The canonical text is made of the declared parameters in the order of the declaration, which
 *     is that of their names: `b=2&a=1`, `a=1&b=2&x=3` and `a=%31&b=2` are one text. Two queries
 *     that mean different things have two: the text is a query of the same meaning itself, with
 *     `%`, `&` and `+` escaped.
 * I3. A parameter given twice counts once: a text's first value; a flag is set when any of its
 *     values sets it.
 * Threads: pure. Errors: 400 for an escape that is none, %00, bytes that are not UTF-8, a query
 * that is too long. Ownership: values stand in the struct and live as long. Cost: one pass; nothing
 * at all without a query. */
#pragma once

#include "common/base/base.h"

#define HTTP_PARAMETERS_MAX 24
#define HTTP_QUERY_MAX      2048

enum http_parameter_kind {
    HTTP_PARAMETER_FLAG, /* `1` or `true`; everything else is as if it were not there */
    HTTP_PARAMETER_TEXT,
    /* read like a text; for those who read the documentation */
    HTTP_PARAMETER_INT,
    HTTP_PARAMETER_TIME, /* RFC 3339, or unix seconds or milliseconds */
    HTTP_PARAMETER_LIST, /* separated by commas */
};

/* A route's declaration: sorted by name; a row without a name ends it. */
struct http_parameter {
    const char *name;
    enum http_parameter_kind kind;
    const char *help; /* one line, for /api/spec and /api/docs: meaning, default, bounds */
};

struct http_query {
    const struct http_parameter *declared;   /* NULL = the route takes none */
    const char *values[HTTP_PARAMETERS_MAX]; /* by the declaration; NULL = not given */
    const char *refused; /* after a refusal: the parameter that can't be read, NULL = no one */
    size_t canonical_len;
    char canonical[HTTP_QUERY_MAX];
    char text[HTTP_QUERY_MAX]; /* the values, decoded */
};

/* raw: what stands behind the `?`, NULL = nothing. 0, or the status to refuse with. */
NODISCARD int http_query_parse(struct http_query *query, const struct http_parameter *declared,
                               const char *raw);
/* The value, NULL = not given. name must be declared. */
const char *http_query_text(const struct http_query *query, const char *name);
bool http_query_is_set(const struct http_query *query, const char *name);

/* --- values ----------------------------------------------------------------------------------- */

/* As CoreScope reads how many are wanted: what is no number above 0 is `otherwise`, what is above
 * `max` is `max`. */
size_t http_query_limit(const struct http_query *query, const char *name, size_t otherwise,
                        size_t max);
/* From which on: 0 when it is no number, `max` when it is above. */
size_t http_query_offset(const struct http_query *query, const char *name, size_t max);
/* A moment: RFC 3339 (without a zone it is UTC), unix seconds or, from 10^11 on, milliseconds; at
 * most the end of the year 9999, so that sums of it do not overflow.
 * False: it is given and none of these; *out_ms is untouched then, and when it is not
 * given or empty. */
NODISCARD bool http_query_time(const struct http_query *query, const char *name, int64_t *out_ms);
