/* SPDX-License-Identifier: MIT
 *
 * Whom a node hears, and who hears it.
 *
 * Definitions, of the receptions of floods in the window. A link is one of links.h to another known
 * node: we_hear are the receptions that show this node hear the other, they_hear those that show
 * the other hear it, bottleneck the lesser of the two, bidir that both are above 0.
 *   direct_observers    observers that received it itself: as the last hop, or of an advert as the
 *                       sender without a hop; count: receptions, avg_snr: what was measured
 *   neighbor_degree     its links; degree_rank: 1 + the nodes that have more; of nodes_with_edges
 *   relay_observations  receptions that came over it
 *   reliable_tokens     the hops that mean it and no other node (hops.h)
 * Cost: a look at every link and every edge in memory, 4 ms. */
#include "cmd/server/paths/paths.h"

#include "cmd/server/analytics/analytics.h"
#include "cmd/server/http/request.h"
#include "cmd/server/nodes/node_find.h"
#include "cmd/server/paths/gather.h"
#include "cmd/server/paths/newest_links.h"
#include "cmd/server/tally/tally_edges.h"
#include "common/base/geo.h"

#include <math.h>
#include <stdlib.h>

#define LINKS_SHOWN     500
#define OBSERVERS_MAX   4096
#define OBSERVERS_SHOWN 200

struct reach {
    const struct facts *facts;
    const struct node *node;
    way_stop stop;
    const struct links *links;
    uint32_t hops[HOP_BYTES_MAX];
    size_t hop_count;
    const struct link **of_node; /* owned; the best first */
    size_t link_count, both_ways;
    struct table observers;
};

struct direct {
    edge_end observer; /* the key */
    uint32_t receptions, snr_count;
    double snr_sum;
};

/* --- links ------------------------------------------------------------------------------------ */

/* Seen from the node at `stop`. */
struct view {
    way_stop other;
    uint32_t we_hear, they_hear;
};

static struct view view_of(const struct link *link, way_stop stop)
{
    return link->a == stop ? (struct view){link->b, link->back, link->there}
                           : (struct view){link->a, link->there, link->back};
}

static uint32_t bottleneck(const struct link *link)
{
    return link->there < link->back ? link->there : link->back;
}

static int by_strength(const void *a, const void *b)
{
    const struct link *x = *(const struct link *const *)a;
    const struct link *y = *(const struct link *const *)b;
    if (bottleneck(x) != bottleneck(y))
        return bottleneck(x) < bottleneck(y) ? 1 : -1;
    return link_by_weight(a, b);
}

static void find_links(struct reach *r)
{
    for (size_t i = 0; i < links_count(r->links); i++) {
        const struct link *link = links_at(r->links, i);
        if (link->a != r->stop && link->b != r->stop)
            continue;
        if (stop_node(r->facts->directory, view_of(link, r->stop).other) == NULL)
            continue;
        r->of_node[r->link_count++] = link;
        r->both_ways += bottleneck(link) > 0;
    }
    qsort(r->of_node, r->link_count, sizeof(void *), by_strength);
}

/* --- observers -------------------------------------------------------------------------------- */

static bool is_self(const struct reach *r, edge_end end)
{
    if (edge_end_kind(end) == EDGE_NODE)
        return edge_end_id(end) == r->node->id;
    for (size_t i = 0; edge_end_kind(end) == EDGE_HOP && i < r->hop_count; i++)
        if ((uint32_t)edge_end_id(end) == r->hops[i])
            return true;
    return false;
}

static void find_observers(struct reach *r)
{
    const struct tally_edges *edges = summary_edges(r->facts->summary);
    for (size_t i = 0; i < tally_edges_count(edges); i++) {
        const struct edge_count *edge = tally_edges_at(edges, i);
        if (edge_end_kind(edge->to) != EDGE_OBSERVER || !is_self(r, edge->from))
            continue;
        const struct observer *o = directory_observer(r->facts->directory, edge_end_id(edge->to));
        struct direct *direct = o == NULL || o->is_hidden || o->node == r->node
                                    ? NULL
                                    : table_take(&r->observers, &edge->to, NULL);
        if (direct == NULL)
            continue;
        direct->receptions += edge->count;
        direct->snr_count += edge->snr_count;
        direct->snr_sum += (double)edge->snr_sum;
    }
}

static int by_receptions(const void *a, const void *b)
{
    const struct direct *x = a;
    const struct direct *y = b;
    if (x->receptions != y->receptions)
        return x->receptions < y->receptions ? 1 : -1;
    return (x->observer > y->observer) - (x->observer < y->observer);
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* other: NULL = not known. The distance is left out where a position is. */
static void write_place(struct json_write *w, const struct node *node, const struct node *other)
{
    const bool is_known = other != NULL && !isnan(other->lat);
    jw_real(w, "lat", is_known ? other->lat : (double)NAN);
    jw_real(w, "lon", is_known ? other->lon : (double)NAN);
    if (is_known && !isnan(node->lat))
        jw_rounded(w, "distance_km",
                   geo_distance_km((struct geo_point){node->lat, node->lon},
                                   (struct geo_point){other->lat, other->lon}),
                   2);
}

static void write_links(struct json_write *w, const struct reach *r)
{
    jw_array(w, "links");
    for (size_t i = 0; i < min_size(r->link_count, LINKS_SHOWN); i++) {
        const struct link *link = r->of_node[i];
        const struct view view = view_of(link, r->stop);
        const struct node *other = stop_node(r->facts->directory, view.other);
        jw_object(w, NULL);
        jw_hex_lower(w, "pubkey", other->key, sizeof other->key);
        jw_string_or_null(w, "name", other->name);
        node_role(w, "role", other);
        write_place(w, r->node, other);
        jw_uint(w, "we_hear", view.we_hear);
        jw_uint(w, "they_hear", view.they_hear);
        jw_uint(w, "bottleneck", bottleneck(link));
        jw_bool(w, "bidir", bottleneck(link) > 0);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* The table is put in order; nothing is looked up in it afterwards. */
static void write_observers(struct json_write *w, struct reach *r)
{
    struct table *t = &r->observers;
    if (t->count > 0)
        qsort(t->entries, t->count, t->entry_bytes, by_receptions);
    jw_array(w, "direct_observers");
    for (size_t i = 0; i < min_size(t->count, OBSERVERS_SHOWN); i++) {
        const struct direct *direct = table_at(t, i);
        const struct observer *o =
            directory_observer(r->facts->directory, edge_end_id(direct->observer));
        jw_object(w, NULL);
        if (o->node != NULL)
            jw_hex_lower(w, "pubkey", o->node->key, sizeof o->node->key);
        else
            jw_string(w, "pubkey", o->identity);
        jw_string_or_null(w, "name", o->name);
        jw_uint(w, "count", direct->receptions);
        jw_rounded(w, "avg_snr",
                   direct->snr_count > 0 ? direct->snr_sum / direct->snr_count : (double)NAN, 2);
        write_place(w, r->node, o->node);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_importance(struct json_write *w, const struct reach *r)
{
    const struct relay *relay = links_relay(r->links, r->stop);
    const struct degree *own = table_find(&r->links->degrees, &r->stop);
    size_t rank = 1;
    for (size_t i = 0; i < r->links->degrees.count; i++) {
        const struct degree *degree = table_at(&r->links->degrees, i);
        rank += degree->links > (own != NULL ? own->links : 0);
    }
    jw_object(w, "importance");
    jw_uint(w, "neighbor_degree", r->link_count);
    jw_uint(w, "degree_rank", rank);
    jw_uint(w, "nodes_with_edges", r->links->degrees.count);
    jw_uint(w, "relay_observations", relay != NULL ? relay->receptions : 0);
    jw_uint(w, "bidirectional_links", r->both_ways);
    jw_uint(w, "direct_observers", r->observers.count);
    jw_object_end(w);
}

static void write_node(struct json_write *w, const struct reach *r)
{
    jw_object(w, "node");
    jw_hex_lower(w, "pubkey", r->node->key, sizeof r->node->key);
    jw_string_or_null(w, "name", r->node->name);
    node_role(w, "role", r->node);
    jw_real(w, "lat", r->node->lat);
    jw_real(w, "lon", r->node->lon);
    node_time(w, "first_seen", r->node->first_ms);
    jw_object_end(w);
    jw_object(w, "window");
    jw_uint(w, "days", 1);
    node_time(w, "since", r->links->from_ms);
    jw_object_end(w);
    jw_array(w, "reliable_tokens");
    for (size_t i = 0; i < r->hop_count; i++)
        jw_hex_upper(w, NULL, r->node->key, hop_size(r->hops[i]));
    jw_array_end(w);
}

/* ---------------------------------------------------------------------------------------------- */

static void write_reach(struct reach *r, struct http_reply *reply)
{
    const struct summary_window window = summary_window(r->facts->summary, 1U << TALLY_edges);
    const bool is_complete = window.is_complete && r->links->is_complete;
    struct json_write w;
    find_links(r);
    find_observers(r);
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    write_node(&w, r);
    write_importance(&w, r);
    write_links(&w, r);
    write_observers(&w, r);
    analytics_write_tail(&w, r->links->to_ms, r->links->from_ms, r->links->to_ms, is_complete);
    jw_object_end(&w);
    http_reply_json(reply, &w);
    reply->kept_s = is_complete ? FACTS_KEPT_S : 0;
}

static void answer(const struct facts *facts, const struct node *node,
                   const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    struct reach r = {.facts = facts, .node = node, .stop = stop_of_node(node)};
    r.links = newest_links_take(facts->asking, reply);
    if (r.links == NULL)
        return;
    r.of_node = malloc((links_count(r.links) + 1) * sizeof(void *));
    table_init(&r.observers, sizeof(struct direct), sizeof(edge_end), OBSERVERS_MAX);
    r.hop_count = facts_hops(facts, node, r.hops);
    if (r.of_node != NULL)
        write_reach(&r, reply);
    table_done(&r.observers);
    free(r.of_node);
    links_unref(r.links);
}

void paths_ask_reach(struct asking *asking, const struct http_request *request,
                     struct http_reply *reply)
{
    node_ask(asking, request, reply, true, answer);
}
