/* SPDX-License-Identifier: MIT
 *
 * nodes - the functions behind the routes of nodes_routes.c, as route.h says. What each answers,
 * its row says. */
#pragma once

#include "cmd/server/http/request.h"

struct asking;
struct export_rows;

void nodes_ask_list(struct asking *asking, const struct http_request *request,
                    struct http_reply *reply);
void nodes_ask_search(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply);
void nodes_ask_detail(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply);
void nodes_ask_resolve(struct asking *asking, const struct http_request *request,
                       struct http_reply *reply);
void nodes_ask_resolve_hops(struct asking *asking, const struct http_request *request,
                            struct http_reply *reply);
void nodes_ask_network_status(struct asking *asking, const struct http_request *request,
                              struct http_reply *reply);
void nodes_ask_clock_skews(struct asking *asking, const struct http_request *request,
                           struct http_reply *reply);
void nodes_ask_clock_skew(struct asking *asking, const struct http_request *request,
                          struct http_reply *reply);
void nodes_ask_paths(struct asking *asking, const struct http_request *request,
                     struct http_reply *reply);
void nodes_ask_hop_analytics(struct asking *asking, const struct http_request *request,
                             struct http_reply *reply);
void nodes_ask_neighbors(struct asking *asking, const struct http_request *request,
                         struct http_reply *reply);
void nodes_ask_health(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply);
void nodes_ask_battery(struct asking *asking, const struct http_request *request,
                       struct http_reply *reply);
void nodes_ask_analytics(struct asking *asking, const struct http_request *request,
                         struct http_reply *reply);
void nodes_ask_bulk_health(struct asking *asking, const struct http_request *request,
                           struct http_reply *reply);
/* The list as a file, each line with the cursor to go on from. */
void nodes_export(struct asking *asking, const struct http_request *request,
                  struct export_rows *rows, struct http_reply *reply);
