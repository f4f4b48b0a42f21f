/* SPDX-License-Identifier: MIT
 *
 * paths - the functions behind the routes of paths_routes.c. What each answers, its row says; how
 * each figure is defined, the file that computes it. */
#pragma once

#include "cmd/server/analytics/analysis.h"

struct http_request;
struct http_reply;

/* Of the one analysis that others ask for, too (newest_links.h). */
extern const struct http_parameter neighbor_graph_parameters[];
extern const struct analysis analysis_neighbor_graph;

bool topology_compute(struct analytics_turn *turn, struct json_write *w);
bool distance_compute(struct analytics_turn *turn, struct json_write *w);
bool subpaths_compute(struct analytics_turn *turn, struct json_write *w);
bool subpaths_bulk_compute(struct analytics_turn *turn, struct json_write *w);
bool airtime_compute(struct analytics_turn *turn, struct json_write *w);
bool affinity_compute(struct analytics_turn *turn, struct json_write *w);

void paths_ask_subpath_detail(struct asking *asking, const struct http_request *request,
                              struct http_reply *reply);
void paths_ask_reach(struct asking *asking, const struct http_request *request,
                     struct http_reply *reply);
void paths_ask_inspect(struct asking *asking, const struct http_request *request,
                       struct http_reply *reply);
