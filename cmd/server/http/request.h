/* SPDX-License-Identifier: MIT
 *
 * request - what the code behind a route sees of HTTP: the request it answers and the reply it
 * gives. Nothing here knows how HTTP is spoken, nor any route.
 *
 * A handler or renderer gets a reply that is set to 200, JSON and its route's cache rule, and gives
 * it a body, by http_reply_json in the end; http makes head and framing of it. HEAD, the
 * conditional request and gzip are http's: the code behind a route answers as for GET, with its
 * body as it is.
 * I1. A reply of 400 and above is never stored by a client, whatever its route's rule.
 * Threads: none of its own. Errors: a body that is NULL means that there was no memory (503).
 * Ownership: everything in the request is borrowed until the handler returns; the body moves
 * with the reply. */
#pragma once

#include "cmd/server/http/query.h"
#include "common/base/base.h"

#define HTTP_PATH_MAX        1024 /* a longer path is none of ours; arguments are shorter */
#define HTTP_ARGUMENTS_MAX   4
#define HTTP_REPLY_LINES_MAX 1152
#define HTTP_ETAG_MAX        24
/* Unless the page's own lines say more. */
#define HTTP_PAGE_POLICY                                                                           \
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define HTTP_ANSWER_MAX ((size_t)16 << 20) /* a longer body counts as short memory */

/* What clients and proxies may keep. */
enum http_cache {
    HTTP_REVALIDATE, /* the bytes, but ask each time: an ETag, and 304 to who has it */
    HTTP_PAGE,       /* the same, and with the page's Content-Security-Policy */
    HTTP_FOREVER,    /* the same, never asked for again: other bytes have another name */
    HTTP_FOREIGN,    /* as HTTP_REVALIDATE, of a page that is not ours: with no rule for pages but
                      * those that its reply brings */
    HTTP_NO_STORE,   /* nothing: probes, metrics, what a POST is answered */
};

struct http_export;
struct http_ready;
struct json_write;
struct route;

struct http_request {
    const struct route *route;
    size_t route_number; /* the row's place in the joined table */
    const char *method;  /* GET for HEAD, too */
    /* the path's `:name` segments in their order, each decoded once: UTF-8, never empty,
     * without a slash; of ROUTE_REST the whole path behind its first slash */
    const char *arguments[HTTP_ARGUMENTS_MAX];
    size_t argument_count;
    const struct http_query *query; /* never NULL */
    const char *body;               /* NUL-terminated; "" for GET */
    size_t body_len;
    bool is_https; /* as the proxy in front says; for handlers only */
};

struct http_reply {
    int status;
    const char *content_type; /* static */
    enum http_cache cache;
    /* Of an asker: may be given to others for so long, whatever is committed meanwhile; 0 = until
     * the next commit. */
    unsigned kept_s;
    char *body; /* owned; NULL = there was no memory */
    size_t body_len;
    struct http_export *export; /* owned; then there is no body, but pieces (export.h) */
    /* One reference; NULL = none. An answer that was made before (ready.h): nothing else counts. */
    struct http_ready *made;
    char etag[HTTP_ETAG_MAX];         /* of pieces, with its quotes; "" = none */
    char lines[HTTP_REPLY_LINES_MAX]; /* of the head, beside http's own; "" = none */
};

void http_reply_init(struct http_reply *reply, enum http_cache cache);
/* A line more in the head. The value is ours or checked: no control characters. */
void http_reply_line(struct http_reply *reply, const char *name, const char *value);
/* What was written becomes the body; the writer (jw_grow) is done with. */
void http_reply_json(struct http_reply *reply, struct json_write *w);
/* {"error": text}, the one shape of a refusal */
void http_reply_error(struct http_reply *reply, int status, const char *text);
/* {"error": text, "field": field}: the parameter or the body's key that is to blame, as the client
 * writes it; NULL = none. */
void http_reply_field_error(struct http_reply *reply, int status, const char *field,
                            const char *text);
