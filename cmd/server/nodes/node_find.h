/* SPDX-License-Identifier: MIT
 *
 * node_find - the node that a path or a parameter names: by its whole key, or by the beginning of
 * it that one node alone has. Pure but for the reply. */
#pragma once

#include "cmd/server/nodes/facts.h"

struct http_request;
struct http_reply;

/* Digits that a path must have: fewer are taken for a typing mistake. */
#define NODE_DIGITS_MIN 8

/* The first of the nodes whose keys begin with these hex digits, an odd number of them too, and how
 * many there are; whom nobody shall see is none of them. False: no hex digits, or too many. */
NODISCARD bool node_find(const struct directory *directory, const char *digits,
                         const struct node **out, size_t *out_count);
/* The node of the request's first argument. NULL: the reply says why, 404, or 409 with the
 * candidates. */
NODISCARD const struct node *node_of_path(const struct facts *facts,
                                          const struct http_request *request,
                                          struct http_reply *reply);
