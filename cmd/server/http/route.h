/* SPDX-License-Identifier: MIT
 *
 * route - one row of a family's table: what http matches (method, path, listener) and who answers.
 *
 * http hands the row on with the request and never looks at who answers: `struct api`, `struct
 * moment` and `struct asking` are closed to it. A path is made of literal segments and of `:name`,
 * which stands for exactly one that is not empty; a literal path goes before one with names.
 * ROUTE_REST alone stands for what no other row means (router.h).
 * Constant data, read by every thread. */
#pragma once

#include "cmd/server/fields/access.h"
#include "cmd/server/http/request.h"

#define ROUTE_ON_MAIN   1u
#define ROUTE_ON_HEALTH 2u

#define ROUTE_REST "/*"

struct api;
struct asking;
struct config;
struct export_rows;
struct moment;
struct http_counts;
struct http_ready;
struct http_rules;
struct live;
struct traffic;

/* Made once, of the configuration alone: the same bytes until a reload. */
typedef void (*route_constant)(const struct config *config, const struct http_request *request,
                               struct http_reply *reply);
/* Computed at every request. */
typedef void (*route_handler)(struct api *api, const struct http_request *request,
                              struct http_reply *reply);
/* Rendered when it is no longer true, then served as bytes (cache.h). */
typedef void (*route_renderer)(struct moment *moment, const struct http_request *request,
                               struct http_reply *reply);

/* Asks the database, in a worker; then served as bytes until the next commit, for a second at
 * most. */
typedef void (*route_asker)(struct asking *asking, const struct http_request *request,
                            struct http_reply *reply);

/* Bytes that are made and kept in a way of their own; NULL = no memory. */
typedef struct http_ready *(*route_giver)(struct api *api, const struct http_request *request);

/* A piece of a row's list as a file, from rows->cursor on; what is wrong with the request is
 * refused by the reply. Beside an asker, for `format=ndjson` and `csv` (api_export.h). */
typedef void (*route_exporter)(struct asking *asking, const struct http_request *request,
                               struct export_rows *rows, struct http_reply *reply);

struct route {
    const char *method; /* "GET", which brings HEAD, or "POST" */
    const char *path;
    /* exactly one of the six */
    route_constant constant;
    route_handler handler;
    route_renderer renderer;
    route_asker asker;
    route_giver giver;
    bool is_live;            /* who asks becomes a listener of the live feed: no answer is made */
    route_exporter exporter; /* NULL = the list is no file */
    bool reads_format;       /* the asker has other formats, and refuses what is none */
    /* The asker asks through model/engine.h alone, so any engine answers it; without this it is
     * SQLite's, and refused (501) where there is another. */
    bool is_engined;
    bool is_of_file; /* about the SQLite file: 404 where the store is another */
    /* The asker asks the database nothing (asking.h), and what it gives is kept in a way of its
     * own: no cache stands in front. */
    bool asks_nothing;
    const struct http_parameter *parameters; /* NULL = none */
    enum http_cache cache;
    bool may_be_older; /* while a new one is rendered, others get the one before it */
    bool waits;        /* for more than memory: answered by a worker, never in a loop; as is every
                        * row with an asker */
    bool is_probe;     /* OPTIONS is answered like GET: HAProxy's default check asks that way */
    enum http_access access; /* who may ask; http looks before anything is read or done */
    unsigned listeners;
    const char *worst_cost;
    /* What /api/spec and /api/docs say of it. */
    const char *summary;  /* one line: what it answers */
    const char *argument; /* what the path's `:name` is, or are; NULL = it has none */
    const char *takes;    /* the shape of the JSON body (shape.h); NULL = no body */
    const char *answer;   /* the shape of its JSON; with a `/` in it: another media type */
};

/* What may be kept of an answer: of a POST's nothing. */
static inline enum http_cache route_cache(const struct route *route)
{
    return route->method[0] == 'P' ? HTTP_NO_STORE : route->cache;
}

struct route_family {
    const struct route *rows;
    size_t count;
};

/* All borrowed until http_stop. */
struct http_service {
    const struct route_family *families; /* together the route table */
    size_t family_count;
    /* The answer to a request for one of the rows, with a reference for the caller;
     * NULL = no memory (503). */
    struct http_ready *(*answer)(void *context, const struct http_request *request);
    void *context;
    const struct http_rules *rules; /* at the start; NULL = none */
    struct http_counts *counts;     /* begins with zeros */
    /* Where those go who ask for a live row; NULL = there is no live feed. Whoever asks for a
     * WebSocket, on any path of the main port, asks for this row, which is in no table; NULL = they
     * are answered as if they had not asked. */
    struct live *live;
    const struct route *websocket;
    struct traffic *traffic; /* NULL = requests are not looked at */
    /* Are all requests logged, not only slow ones? May change; NULL = no. */
    const _Atomic bool *logs_requests;
};
