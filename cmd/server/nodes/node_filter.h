/* SPDX-License-Identifier: MIT
 *
 * node_filter - which nodes a list shows, and in which order. Pure but for the facts it reads.
 *
 * Every condition holds before paging, so that the number of those that match is the list's total.
 * search: a part of the name, without regard to the case of ASCII letters. before: first seen then
 * or earlier. heard since: last heard (by an advert or as a relay) then or later. hasScope: of the
 * nodes that a neighbour's report knows an answer of (facts.h), those that named a region, or those
 * that named none (`*` is none: packets without a scope). hashRegion: those that named this one, or
 * `*`. area: with a position in it; one that is not configured is no condition.
 * I1. Whom nobody shall see matches nothing. I2. The order is total: equal ones go by key. */
#pragma once

#include "cmd/server/nodes/facts.h"

struct http_query;
struct http_reply;

enum node_order { NODE_BY_HEARD, NODE_BY_NAME, NODE_BY_ADVERTS, NODE_BY_ID };
enum node_scoped { NODE_SCOPED_ANY, NODE_SCOPED, NODE_NOT_SCOPED };

struct node_filter {
    const char *role;   /* NULL = any */
    const char *search; /* NULL = any */
    int64_t before_ms, heard_since_ms;
    enum node_scoped scoped;
    const char *hash_region;        /* NULL = any */
    const struct geo_area *area;    /* NULL = any */
    const struct http_query *query; /* whose region is a condition; NULL = none is */
    enum node_order order;
};

/* The parameters of NODE_FILTER_PARAMETERS. False: a 400 was written, naming the one to blame. */
NODISCARD bool node_filter_read(const struct http_query *query, const struct facts *facts,
                                struct node_filter *out, struct http_reply *reply);
/* Of these the area and the region alone. */
NODISCARD bool node_filter_read_places(const struct http_query *query, const struct facts *facts,
                                       struct node_filter *out, struct http_reply *reply);
/* All conditions but the region. */
bool node_filter_matches(const struct node_filter *filter, const struct facts *facts,
                         const struct node *node);
/* All that match, in order; free() it. NULL = no memory. */
NODISCARD const struct node **node_filter_run(const struct node_filter *filter,
                                              const struct facts *facts, size_t *out_count);
/* Is `text` a part of its name, or the first digits of its key, in any case of ASCII letters? */
bool node_is_sought(const struct node *node, const char *text);

/* For a route's declaration, which must be sorted by name: these in three pieces. */
#define NODE_FILTER_AREA                                                                           \
    {                                                                                              \
        "area", HTTP_PARAMETER_TEXT, "Key of a configured area: only nodes with a position in it"  \
    }
#define NODE_FILTER_BEFORE                                                                         \
    NODE_FILTER_AREA,                                                                              \
    {                                                                                              \
        "before", HTTP_PARAMETER_TIME, "Only nodes that were first seen then or earlier"           \
    }
#define NODE_FILTER_SCOPES                                                                          \
    {"hasScope", HTTP_PARAMETER_TEXT,                                                               \
     "true or false: only nodes that answered a neighbour's question with a region, or with none"}, \
        {"hashRegion", HTTP_PARAMETER_TEXT,                                                         \
         "Only nodes that answered a neighbour's question with this scope"},                        \
    {                                                                                               \
        "lastHeard", HTTP_PARAMETER_TEXT,                                                           \
            "1h, 6h, 24h, 7d or 30d: only nodes heard since, by an advert or as a relay"            \
    }
#define NODE_FILTER_REGION                                                                         \
    {                                                                                              \
        "region", HTTP_PARAMETER_LIST,                                                             \
            "IATA codes: only nodes whose adverts an observer there received within 24 hours"      \
    }
#define NODE_FILTER_TEXTS                                                                          \
    NODE_FILTER_REGION,                                                                            \
        {"role", HTTP_PARAMETER_TEXT, "repeater, companion, room, sensor, none or type-N"},        \
        {"search", HTTP_PARAMETER_TEXT, "A part of the name, or the first digits of the key"},     \
    {                                                                                              \
        "sortBy", HTTP_PARAMETER_TEXT,                                                             \
            "lastSeen (last heard first; the default), name or packetCount (adverts)"              \
    }
