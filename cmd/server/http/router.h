/* SPDX-License-Identifier: MIT
 *
 * router - which row is meant by a path? Made once of the joined tables, then only read.
 *
 * The path is matched as it came, undecoded: cut at its slashes first, then each segment is
 * decoded once (unescape.h). Decoding first would let %2F make segments, and decoding twice would
 * let %252F.
 * I1. A row's number is its place in the joined table: the families in their order, the
 *     rows in theirs.
 * I2. The row of ROUTE_REST is meant by each path of no other row, but for those below a first
 *     segment that begins other rows' paths: what is unknown below /api is unknown. It has GET
 *     alone.
 * Threads: find from any. Errors: 400 for a segment that can't be decoded, 404 for a path of no
 * row on this listener. Cost: a binary search over the literal paths; only then a walk over those
 * with names. */
#pragma once

#include "cmd/server/http/route.h"

#define ROUTER_SEGMENTS_MAX 16

struct router;

/* GET or POST behind one path; NULL = not on this listener. */
struct router_row {
    const struct route *route;
    size_t number;
};

struct router_match {
    struct router_row get, post;
    const char *arguments[HTTP_ARGUMENTS_MAX];
    size_t argument_count;
    /* the path decoded, each segment behind a slash; the arguments stand in `segments` */
    char path[HTTP_PATH_MAX];
    char segments[HTTP_PATH_MAX];
};

/* The tables are borrowed until router_free. NULL = no memory. */
NODISCARD struct router *router_new(const struct route_family *families, size_t count);
void router_free(struct router *router);
/* 0, or the status to refuse with; *out is then undefined. path: without query. */
NODISCARD int router_find(const struct router *router, const char *path, unsigned listener,
                          struct router_match *out);
