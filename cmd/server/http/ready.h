/* SPDX-License-Identifier: MIT
 *
 * ready - an answer as bytes that can be sent to anybody, at once and as often as wanted: the head
 * with either Connection line, and the body.
 *
 * Why: formatting a head costs as much as the rest of a small answer. The body stands there once;
 * whoever sends puts it behind one of the heads (http.c), which for a small answer is a copy of a
 * few hundred bytes.
 * An answer may have a packed form, gzip: ready bytes of their own, made once, when the first
 * client asks that takes them. They are made where there is time (exchange.h): a large body takes
 * milliseconds.
 * I1. Nothing in it changes after http_ready_new but the number of its holders and, once, from none
 *     to one, its packed form.
 * I2. It has an ETag exactly when it may be stored and its status is 200; the tag is strong, made
 *     of the bytes that are sent alone, the reply's own lines among them (a 304 repeats none, and
 *     the page's policy must not be a former one): each form has its own, and every server behind a
 *     load balancer says the same. Of pieces, which nobody has read yet, it is what the reply says.
 * I3. A packed form is at most three quarters as long, or there is none. Its bytes count as held
 *     from the start (http_ready_bytes), so that what a cache has counted stays true.
 * Threads: all from any. Errors: NULL = no memory. Ownership: each reference is one unref.
 * Cost: new formats two heads, about 3 us, and hashes the body where there is a tag. */
#pragma once

#include "cmd/server/http/request.h"

#include <stdatomic.h>

#define HTTP_READY_HEADS 3
#define HTTP_PACK_MIN    1024 /* a shorter body leaves in one piece anyway */

struct crypto_part;

struct http_ready {
    /* constant after init */
    const char *heads[HTTP_READY_HEADS]; /* by keep-alive; then that of an export without chunks */
    size_t head_lens[HTTP_READY_HEADS];
    char *body; /* owned; "" has length 0; NULL = none, but the export's pieces */
    size_t body_len;
    int status;
    enum http_cache cache;
    const char *content_type; /* static */
    const char *allow;        /* static, or NULL */
    const char *lines;        /* "" = none */
    bool may_be_packed;
    struct http_export *export; /* owned; NULL = the body is all of it; else of one client alone */
    char etag[HTTP_ETAG_MAX];   /* "" = none */
    /* atomic */
    struct http_ready *_Atomic packed; /* owned; NULL = not made yet; itself = not worth it */
    _Atomic unsigned refs;             /* who lets go last frees */
};

/* Takes what the reply owns in any case; where that is an answer made before, it is this. allow:
 * the Allow header, static, NULL = none. The caller holds one reference. NULL also for a reply that
 * has none of them. */
NODISCARD struct http_ready *http_ready_new(struct http_reply *reply, const char *allow);
/* The tag of bytes, or of what names them: for a reply of pieces (http_reply.etag). */
void http_etag_of(const struct crypto_part *parts, size_t count, char out[static HTTP_ETAG_MAX]);
/* Pieces of which nobody knows how many there are; NULL = none. */
bool http_ready_is_endless(const struct http_export *export);
struct http_ready *http_ready_ref(struct http_ready *ready);
void http_ready_unref(struct http_ready *ready); /* accepts NULL */
/* The memory it holds, or may come to hold. */
size_t http_ready_bytes(const struct http_ready *ready);

/* A client that takes it would be sent the packed form, if it were there. */
bool http_ready_is_unpacked(const struct http_ready *ready);
/* Makes it, unless it is there; without memory there is none. */
void http_ready_pack(struct http_ready *ready);
/* Moves the reference: the form for a client that takes gzip, or does not. */
struct http_ready *http_ready_choose(struct http_ready *ready, bool takes_gzip);
