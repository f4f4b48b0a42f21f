/* SPDX-License-Identifier: MIT
 *
 * node_find - the node that a path or a parameter names: by its whole key, or by the beginning of
 * it that one node alone has; and the frame of every answer about one node. */
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
typedef void (*node_answer)(const struct facts *facts, const struct node *node,
                            const struct http_request *request, struct http_reply *reply);
/* Calls answer for the node of the request's first argument, unless the reply says why not: 404,
 * 409 with the candidates, or, with needs_summary, 503 while there is no summary yet. */
void node_ask(struct asking *asking, const struct http_request *request, struct http_reply *reply,
              bool needs_summary, node_answer answer);
