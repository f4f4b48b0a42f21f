/* SPDX-License-Identifier: MIT
 *
 * routes - the one table of what this server answers: path, method, who answers, cache rule, worst cost.
 * Pure. Adding an endpoint is adding a row. */
#pragma once

#include "cmd/server/cache/answers.h"
#include "cmd/server/http/http_head.h"

struct http_request;
struct http_reply;
struct server;

enum route_kind {
    ROUTE_ANSWER,  /* rendered bytes (answers.h); `?strict=1` selects the second one */
    ROUTE_ASSET,   /* embedded file */
    ROUTE_HANDLER, /* computed per request */
};

#define ROUTE_ON_MAIN   1u
#define ROUTE_ON_HEALTH 2u

struct route {
    const char *path;
    bool is_post;
    bool is_probe; /* OPTIONS is answered like GET: HAProxy's default check asks that way */
    unsigned listeners;
    enum route_kind kind;
    enum answer answer, strict;
    const char *asset;
    void (*handler)(struct server *server, const struct http_request *request,
                    struct http_reply *reply);
    enum http_cache cache;
    const char *worst_cost;
};

extern const struct route routes[];
extern const size_t route_count;

/* The path's row on this listener, or NULL. */
const struct route *route_find(const char *path, unsigned listener);
