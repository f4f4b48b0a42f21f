/* SPDX-License-Identifier: MIT
 *
 * The graph of who hears whom (links.h) between known nodes.
 *
 * Definitions. weight: receptions that showed the link, in either direction; score: weight / 100,
 * at most 1; bidirectional: each was seen to hear the other; avg_snr: the mean of what the one of
 * the two that is an observer measured. An edge is shown when both its ends are known: ambiguous is
 * false. stats: of all edges that fit min_count and min_score, shown or not; ambiguous_edges: links
 * an end of which means no node, or several; avg_cluster_size: nodes with an edge / groups of them
 * that hang together. Distances refuse no edge.
 * Without a filter the links are kept for who asks about one node (newest_links.h). */
#include "cmd/server/paths/paths.h"

#include "cmd/server/paths/gather.h"

#include <stdlib.h>

/* 250 and, with a name full of escapes, 320 bytes each at most. */
#define EDGES_SHOWN 8000
#define NODES_SHOWN 4000

struct graph {
    struct gather gather;
    uint32_t min_count;
    double min_score;
    const struct link **edges; /* owned; those that fit, the strongest first */
    size_t edge_count;
    size_t ambiguous;
    uint32_t *groups;  /* owned; for each node of the directory one of its group, itself at first */
    uint32_t *degrees; /* owned; for each of them the edges that fit */
};

static size_t place_of(const struct graph *g, way_stop stop)
{
    const struct node *node = stop_node(g->gather.ways.directory, stop);
    return (size_t)(node - g->gather.ways.directory->nodes);
}

/* --- edges ------------------------------------------------------------------------------------ */

static void choose_edges(struct graph *g)
{
    for (size_t i = 0; i < links_count(g->gather.links); i++) {
        const struct link *link = links_at(g->gather.links, i);
        if (link_weight(link) < g->min_count || link_score(link) < g->min_score)
            continue;
        if (link_is_known(link))
            g->edges[g->edge_count++] = link;
        else
            g->ambiguous++;
    }
    qsort(g->edges, g->edge_count, sizeof(void *), link_by_weight);
}

static uint32_t group_of(struct graph *g, uint32_t node)
{
    while (g->groups[node] != node) {
        g->groups[node] = g->groups[g->groups[node]];
        node = g->groups[node];
    }
    return node;
}

static void join_nodes(struct graph *g)
{
    for (uint32_t i = 0; i < g->gather.ways.directory->node_count; i++)
        g->groups[i] = i;
    for (size_t i = 0; i < g->edge_count; i++) {
        const uint32_t a = (uint32_t)place_of(g, g->edges[i]->a);
        const uint32_t b = (uint32_t)place_of(g, g->edges[i]->b);
        g->degrees[a]++;
        g->degrees[b]++;
        g->groups[group_of(g, a)] = group_of(g, b);
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void write_key_of(struct json_write *w, const char *key, const struct graph *g,
                         way_stop stop)
{
    const struct node *node = stop_node(g->gather.ways.directory, stop);
    jw_hex_lower(w, key, node->key, sizeof node->key);
}

static void write_edge(struct json_write *w, const struct graph *g, const struct link *link)
{
    jw_object(w, NULL);
    write_key_of(w, "source", g, link->a);
    write_key_of(w, "target", g, link->b);
    jw_uint(w, "weight", link_weight(link));
    jw_decimal(w, "score", (int64_t)(link_score(link) * 100 + 0.5), 2);
    jw_bool(w, "bidirectional", link->there > 0 && link->back > 0);
    jw_rounded(w, "avg_snr", link_snr(link), 2);
    jw_bool(w, "ambiguous", false);
    write_moment(w, "last_seen", &g->gather.ways, link->last);
    jw_object_end(w);
}

/* Marks the ends of an edge; false = there is no room for them. */
static bool take_ends(const struct graph *g, bool *is_shown, size_t *count, const struct link *link)
{
    const size_t a = place_of(g, link->a);
    const size_t b = place_of(g, link->b);
    const size_t more = (size_t)!is_shown[a] + (size_t)!is_shown[b];
    if (*count + more > NODES_SHOWN)
        return false;
    is_shown[a] = is_shown[b] = true;
    *count += more;
    return true;
}

static void write_nodes(struct json_write *w, const struct graph *g, const bool *is_shown)
{
    const struct directory *d = g->gather.ways.directory;
    jw_array(w, "nodes");
    for (size_t i = 0; i < d->node_count; i++) {
        if (!is_shown[i])
            continue;
        jw_object(w, NULL);
        jw_hex_lower(w, "pubkey", d->nodes[i].key, sizeof d->nodes[i].key);
        jw_string_or_null(w, "name", d->nodes[i].name);
        node_role(w, "role", &d->nodes[i]);
        jw_uint(w, "neighbor_count", g->degrees[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_stats(struct json_write *w, struct graph *g)
{
    size_t nodes = 0;
    size_t groups = 0;
    for (uint32_t i = 0; i < g->gather.ways.directory->node_count; i++) {
        nodes += g->degrees[i] > 0;
        groups += g->degrees[i] > 0 && group_of(g, i) == i;
    }
    jw_object(w, "stats");
    jw_uint(w, "total_nodes", nodes);
    jw_uint(w, "total_edges", g->edge_count);
    jw_uint(w, "ambiguous_edges", g->ambiguous);
    jw_rounded(w, "avg_cluster_size", groups == 0 ? 0 : (double)nodes / (double)groups, 2);
    jw_uint(w, "rejected_edges_geo_far", 0);
    jw_object_end(w);
}

/* False = no memory. *out_cut: not all were shown. */
static bool write_graph(struct json_write *w, struct graph *g, bool *out_cut)
{
    size_t nodes = 0;
    size_t shown = 0;
    bool *is_shown = calloc(g->gather.ways.directory->node_count + 1, sizeof *is_shown);
    if (is_shown == NULL)
        return false;
    jw_array(w, "edges");
    for (size_t i = 0; i < g->edge_count && shown < EDGES_SHOWN; i++) {
        if (!take_ends(g, is_shown, &nodes, g->edges[i]))
            continue;
        write_edge(w, g, g->edges[i]);
        shown++;
    }
    jw_array_end(w);
    write_nodes(w, g, is_shown);
    write_stats(w, g);
    *out_cut = shown < g->edge_count;
    free(is_shown);
    return true;
}

/* ---------------------------------------------------------------------------------------------- */

static void read_limits(struct graph *g, const struct http_query *query)
{
    const char *score = http_query_text(query, "min_score");
    char *end;
    g->min_count = (uint32_t)http_query_limit(query, "min_count", 1, 1000000);
    g->min_score = score != NULL ? strtod(score, &end) : 0;
    if (score == NULL || end == score || !(g->min_score > 0))
        g->min_score = 0;
}

static bool make(struct graph *g, struct analytics_turn *turn)
{
    const size_t nodes = turn->facts.directory->node_count;
    if (!gather_begin(&g->gather, turn))
        return false;
    g->edges = malloc((links_count(g->gather.links) + 1) * sizeof(void *));
    g->groups = calloc(nodes + 1, sizeof *g->groups);
    g->degrees = calloc(nodes + 1, sizeof *g->degrees);
    if (g->edges == NULL || g->groups == NULL || g->degrees == NULL)
        return false;
    choose_edges(g);
    join_nodes(g);
    return true;
}

static void publish(const struct graph *g, const struct analytics_turn *turn)
{
    const char *region = http_query_text(turn->query, "region");
    const char *area = http_query_text(turn->query, "area");
    if ((region != NULL && *region != '\0') || (area != NULL && *area != '\0'))
        return;
    shared_ref(&g->gather.links->shared);
    shared_put(turn->asking->model->links, &g->gather.links->shared);
}

static bool compute(struct analytics_turn *turn, struct json_write *w)
{
    struct graph g = {0};
    bool is_cut = false;
    read_limits(&g, turn->query);
    const bool is_good = make(&g, turn) && write_graph(w, &g, &is_cut);
    if (is_good)
        publish(&g, turn);
    turn->is_complete = turn->is_complete && !is_cut;
    free(g.edges);
    free(g.groups);
    free(g.degrees);
    gather_done(&g.gather);
    return is_good;
}

const struct http_parameter neighbor_graph_parameters[] = {
    ANALYTICS_AREA,
    {"min_count", HTTP_PARAMETER_INT, "Only edges of at least so many receptions: 1"},
    {"min_score", HTTP_PARAMETER_TEXT, "Only edges of at least this score: 0, at most 1"},
    ANALYTICS_REGION,
    {0}};

const struct analysis analysis_neighbor_graph = {.name = "neighbor-graph",
                                                 .compute = compute,
                                                 .parameters = neighbor_graph_parameters,
                                                 .needs_summary = true,
                                                 .is_of_memory = true};
