/* SPDX-License-Identifier: MIT
 *
 * ready - an answer as bytes that can be sent to anybody, at once and as often as wanted: the head
 * with either Connection line, and the body.
 *
 * Why: formatting a head costs as much as the rest of a small answer. The body stands there once;
 * whoever sends puts it behind one of the heads (http.c), which for a small answer is a copy of a
 * few hundred bytes.
 * I1. Nothing in it changes after http_ready_new but the number of its holders.
 * I2. It has an ETag exactly when its rule is HTTP_REVALIDATE and its status 200; the tag is
 *     strong, made of the body alone, so that every server behind a load balancer says the same.
 * Threads: ref, unref and reading from any. Errors: NULL = no memory. Ownership: each reference
 * is one unref.
 * Cost: new formats two heads, about 3 us, and hashes the body where there is a tag. */
#pragma once

#include "cmd/server/http/request.h"

#include <stdatomic.h>

struct http_ready {
    /* constant after init */
    const char *heads[2]; /* by keep-alive */
    size_t head_lens[2];
    char *body; /* owned; "" has length 0 */
    size_t body_len;
    int status;
    enum http_cache cache;
    char etag[24]; /* "" = none */
    /* atomic: who lets go last frees */
    _Atomic unsigned refs;
};

/* Takes the reply's body in any case. allow: the Allow header, NULL = none. The caller holds the
 * one reference. NULL also for a reply whose body is NULL. */
NODISCARD struct http_ready *http_ready_new(struct http_reply *reply, const char *allow);
struct http_ready *http_ready_ref(struct http_ready *ready);
void http_ready_unref(struct http_ready *ready); /* accepts NULL */
/* The memory it holds. */
size_t http_ready_bytes(const struct http_ready *ready);
/* Has the client these bytes already? if_none_match: the header, NULL = none. */
bool http_ready_is_known(const struct http_ready *ready, const char *if_none_match);
