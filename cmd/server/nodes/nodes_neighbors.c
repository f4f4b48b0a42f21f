/* SPDX-License-Identifier: MIT
 *
 * Who hears a node, and whom it hears, by the steps of the paths of the window (tally_edges.h).
 *
 * A neighbour is a node where the hop means one (hops.h), else the hop itself, with all that it may
 * mean; an observer whose key is no known node's is a neighbour, too. count: receptions whose path
 * goes from one to the other, in either direction. score: count / 100, at most 1. avg_snr: of the
 * receptions by the one of the two that is an observer. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/http/query.h"
#include "cmd/server/model/hops.h"
#include "cmd/server/nodes/node_find.h"
#include "cmd/server/tally/table.h"
#include "cmd/server/tally/tally_edges.h"
#include "common/base/geo.h"
#include "common/base/hex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEIGHBORS_MAX    4096
#define OBSERVERS_SHOWN  6
#define NEIGHBORS_SHOWN  500
#define CANDIDATES_SHOWN 10
#define FULL_SCORE_COUNT 100.0
#define MIN_COUNT_MAX    1000000

struct neighbor {
    edge_end end; /* the key: a node where it is known */
    int64_t first_ms, last_ms;
    uint32_t count, by_mode[4], snr_count;
    float snr_sum;
    uint32_t observers[OBSERVERS_SHOWN];
};

/* What the edges are looked at for. */
struct target {
    const struct facts *facts;
    const struct node *node;
    int64_t observer_id; /* as which it listens; 0 = it does not */
    int64_t at_ms;
    uint32_t hops[HOP_BYTES_MAX];
    size_t hop_count;
    uint64_t total;
};

/* --- ends of edges ---------------------------------------------------------------------------- */

static const struct node *node_of_end(const struct target *t, edge_end end)
{
    uint8_t hop[HOP_BYTES_MAX];
    const struct observer *observer;
    switch (edge_end_kind(end)) {
    case EDGE_HOP:
        hop_unpack((uint32_t)edge_end_id(end), hop);
        return hops_node(t->facts->directory, hop, hop_size((uint32_t)edge_end_id(end)), t->at_ms);
    case EDGE_NODE:
        return directory_node(t->facts->directory, edge_end_id(end));
    case EDGE_OBSERVER:
        observer = directory_observer(t->facts->directory, edge_end_id(end));
        return observer != NULL ? observer->node : NULL;
    }
    return NULL;
}

/* Without a look into the directory: all edges are asked. */
static bool is_self(const struct target *t, edge_end end)
{
    if (edge_end_kind(end) == EDGE_NODE)
        return edge_end_id(end) == t->node->id;
    if (edge_end_kind(end) == EDGE_OBSERVER)
        return edge_end_id(end) == t->observer_id;
    for (size_t i = 0; i < t->hop_count; i++)
        if ((uint32_t)edge_end_id(end) == t->hops[i])
            return true;
    return false;
}

/* Whom nobody shall see, and an observer that is gone, is no neighbour. */
static bool is_shown(const struct target *t, edge_end end)
{
    const struct node *node = node_of_end(t, end);
    if (edge_end_kind(end) == EDGE_OBSERVER) {
        const struct observer *observer = directory_observer(t->facts->directory, edge_end_id(end));
        if (observer == NULL || observer->is_hidden)
            return false;
    }
    return node == NULL ? edge_end_kind(end) != EDGE_NODE : !node->is_hidden;
}

/* --- gathering -------------------------------------------------------------------------------- */

static void add_observers(struct neighbor *out, const struct edge_count *edge)
{
    for (size_t i = 0; i < EDGE_OBSERVERS_MAX && edge->observers[i] != 0; i++) {
        for (size_t j = 0; j < OBSERVERS_SHOWN; j++) {
            if (out->observers[j] == 0)
                out->observers[j] = edge->observers[i];
            if (out->observers[j] == edge->observers[i])
                break;
        }
    }
}

static void add_edge(struct target *t, struct table *neighbors, const struct edge_count *edge,
                     edge_end other)
{
    const struct node *node = node_of_end(t, other);
    const edge_end key = node != NULL ? edge_end_of(EDGE_NODE, node->id) : other;
    struct neighbor *out = is_shown(t, other) ? table_take(neighbors, &key, NULL) : NULL;
    if (out == NULL)
        return;
    t->total += edge->count;
    out->count += edge->count;
    for (size_t i = 0; i < ARRAY_LEN(out->by_mode); i++)
        out->by_mode[i] += edge->by_mode[i];
    out->snr_count += edge->snr_count;
    out->snr_sum += edge->snr_sum;
    if (out->first_ms == 0 || edge->first_ms < out->first_ms)
        out->first_ms = edge->first_ms;
    if (edge->last_ms > out->last_ms)
        out->last_ms = edge->last_ms;
    add_observers(out, edge);
}

static void gather(struct target *t, struct table *neighbors)
{
    const struct tally_edges *edges = summary_edges(t->facts->summary);
    for (size_t i = 0; i < tally_edges_count(edges); i++) {
        const struct edge_count *edge = tally_edges_at(edges, i);
        const bool is_from = is_self(t, edge->from);
        if (is_from != is_self(t, edge->to))
            add_edge(t, neighbors, edge, is_from ? edge->to : edge->from);
    }
}

static int by_count(const void *a, const void *b)
{
    const struct neighbor *x = *(const struct neighbor *const *)a;
    const struct neighbor *y = *(const struct neighbor *const *)b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->end > y->end) - (x->end < y->end);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void write_node(struct json_write *w, const struct target *t, const struct node *node)
{
    jw_hex_lower(w, "pubkey", node->key, sizeof node->key);
    jw_hex_upper(w, "prefix", node->key, 1);
    jw_string_or_null(w, "name", node->name);
    node_role(w, "role", node);
    jw_bool(w, "ambiguous", false);
    if (!isnan(node->lat) && !isnan(t->node->lat))
        jw_real(w, "distance_km",
                geo_distance_km((struct geo_point){node->lat, node->lon},
                                (struct geo_point){t->node->lat, t->node->lon}));
}

static void write_hop(struct json_write *w, const struct target *t, uint32_t hop)
{
    const struct node *candidates[HOPS_CANDIDATES_MAX];
    uint8_t bytes[HOP_BYTES_MAX];
    hop_unpack(hop, bytes);
    const size_t count = hops_candidates(t->facts->directory, bytes, hop_size(hop), candidates);
    jw_null(w, "pubkey");
    jw_hex_upper(w, "prefix", bytes, hop_size(hop));
    jw_null(w, "name");
    jw_null(w, "role");
    jw_bool(w, "ambiguous", count > 1);
    jw_bool(w, "unresolved", true);
    jw_array(w, "candidates");
    for (size_t i = 0; i < min_size(count, CANDIDATES_SHOWN); i++) {
        jw_object(w, NULL);
        jw_hex_lower(w, "pubkey", candidates[i]->key, sizeof candidates[i]->key);
        jw_string_or_null(w, "name", candidates[i]->name);
        node_role(w, "role", candidates[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Its key, when its identity is one, though no node is known to have it. */
static void write_observer(struct json_write *w, const struct observer *observer)
{
    uint8_t key[NODE_KEY_BYTES];
    size_t len = 0;
    const bool is_key =
        hex_decode(observer->identity, strlen(observer->identity), key, sizeof key, &len) &&
        len == sizeof key;
    if (is_key) {
        jw_hex_lower(w, "pubkey", key, sizeof key);
        jw_hex_upper(w, "prefix", key, 1);
    } else {
        jw_null(w, "pubkey");
        jw_string(w, "prefix", observer->identity);
    }
    jw_string_or_null(w, "name", observer->name);
    jw_null(w, "role");
    jw_bool(w, "ambiguous", false);
}

static void write_end(struct json_write *w, const struct target *t, edge_end end)
{
    const struct node *node = node_of_end(t, end);
    if (node != NULL)
        write_node(w, t, node);
    else if (edge_end_kind(end) == EDGE_HOP)
        write_hop(w, t, (uint32_t)edge_end_id(end));
    else
        write_observer(w, directory_observer(t->facts->directory, edge_end_id(end)));
}

static void write_observers(struct json_write *w, const struct target *t,
                            const struct neighbor *neighbor)
{
    jw_array(w, "observers");
    for (size_t i = 0; i < OBSERVERS_SHOWN && neighbor->observers[i] != 0; i++) {
        const struct observer *observer =
            directory_observer(t->facts->directory, neighbor->observers[i]);
        if (observer != NULL && !observer->is_hidden)
            jw_string(w, NULL, observer->identity);
    }
    jw_array_end(w);
}

static void write_neighbor(struct json_write *w, const struct target *t,
                           const struct neighbor *neighbor)
{
    static const char *const modes[] = {"0", "1", "2", "3"};
    jw_object(w, NULL);
    write_end(w, t, neighbor->end);
    jw_uint(w, "count", neighbor->count);
    jw_real(w, "score", fmin(1, neighbor->count / FULL_SCORE_COUNT));
    node_time(w, "first_seen", neighbor->first_ms);
    node_time(w, "last_seen", neighbor->last_ms);
    if (neighbor->snr_count > 0)
        jw_decimal(w, "avg_snr", llround(100.0 * (double)neighbor->snr_sum / neighbor->snr_count),
                   2);
    else
        jw_null(w, "avg_snr");
    write_observers(w, t, neighbor);
    jw_object(w, "counts_by_mode");
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        jw_uint(w, modes[i], neighbor->by_mode[i]);
    jw_object_end(w);
    jw_object_end(w);
}

static void write_list(struct json_write *w, const struct target *t, const struct table *neighbors,
                       size_t min_count)
{
    const struct neighbor **sorted = malloc((neighbors->count + 1) * sizeof(struct neighbor *));
    size_t count = 0;
    for (size_t i = 0; sorted != NULL && i < neighbors->count; i++) {
        const struct neighbor *neighbor = table_at(neighbors, i);
        if (neighbor->count >= min_count)
            sorted[count++] = neighbor;
    }
    if (count > 0)
        qsort(sorted, count, sizeof(struct neighbor *), by_count);
    jw_array(w, "neighbors");
    for (size_t i = 0; i < min_size(count, NEIGHBORS_SHOWN); i++)
        write_neighbor(w, t, sorted[i]);
    jw_array_end(w);
    jw_uint(w, "total_neighbors", count);
    free(sorted);
}

static void answer(const struct facts *facts, const struct node *node,
                   const struct http_request *request, struct http_reply *reply)
{
    const size_t min_count = http_query_offset(request->query, "min_count", MIN_COUNT_MAX);
    struct target target = {.facts = facts, .node = node};
    struct target *t = &target;
    struct json_write w;
    struct table neighbors;
    t->at_ms = summary_window(t->facts->summary, 0).to_ms;
    t->hop_count = facts_hops(t->facts, t->node, t->hops);
    const struct observer *observer = facts_observer(t->facts, t->node);
    t->observer_id = observer != NULL ? observer->id : 0;
    table_init(&neighbors, sizeof(struct neighbor), sizeof(edge_end), NEIGHBORS_MAX);
    gather(t, &neighbors);
    reply->kept_s = FACTS_KEPT_S;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_hex_lower(&w, "node", t->node->key, sizeof t->node->key);
    write_list(&w, t, &neighbors, min_count);
    jw_uint(&w, "total_observations", t->total);
    window_write(&w, t->facts->summary, 1U << TALLY_edges);
    jw_object_end(&w);
    http_reply_json(reply, &w);
    table_done(&neighbors);
}

void nodes_ask_neighbors(struct asking *asking, const struct http_request *request,
                         struct http_reply *reply)
{
    node_ask(asking, request, reply, true, answer);
}
