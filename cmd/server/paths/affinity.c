/* SPDX-License-Identifier: MIT
 *
 * /api/debug/affinity?node&prefix: every link of a known node (links.h), also to hops that mean no
 * node or several: why a hop was not resolved, in CoreScope's words.
 *
 * Definitions. An edge is a link with a node at one end, nodeA; of two nodes the one with the lower
 * id, or the one that `node` asks for. nodeB: the other end, where it is a node, too: then the edge
 * is resolved. Else prefix says which hop, it is ambiguous, and unresolved when no known node
 * begins so. weight, observationCount: receptions that showed the link; score as in
 * neighbor_graph.c. observers: those who showed it, OBSERVERS_SHOWN of them. resolutions: none,
 * since a hop that several nodes may be means nobody here (hops.h).
 * stats are of all edges, whatever is asked for. resolvedCount + ambiguousCount + unresolvedCount =
 * totalEdges; avgConfidence: the mean score of the resolved; coldStartCoverage: how many percent of
 * the edges were shown by 3 receptions or more; lastRebuild, cacheAge: the end of the window, and
 * its age. */
#include "cmd/server/paths/paths.h"

#include "cmd/server/model/hops.h"
#include "cmd/server/nodes/node_find.h"
#include "cmd/server/paths/gather.h"
#include "common/base/hex.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* 950 bytes each at most, with names full of escapes. */
#define EDGES_SHOWN     4000
#define OBSERVERS_SHOWN 4
#define COVERED_COUNT   3
#define PREFIX_DIGITS   (2 * HOP_BYTES_MAX + 1)

struct witnesses {
    const struct observer *all[OBSERVERS_SHOWN]; /* NULL = none more */
};

struct affinity {
    struct gather gather;
    const struct node *wanted;   /* NULL = every node */
    const char *prefix;          /* hex; NULL = every other end */
    struct witnesses *witnesses; /* owned; of the links, in their order */
    const struct link **edges;   /* owned; those that are shown, the strongest first */
    size_t edge_count;
    size_t total, resolved, ambiguous, unresolved, covered;
    double score_sum; /* of the resolved */
};

/* --- ends ------------------------------------------------------------------------------------- */

struct ends {
    const struct node *a, *b; /* b NULL = the hop */
    uint32_t hop;             /* that the other end is written as */
};

/* False: neither end is a node. */
static bool ends_of(const struct affinity *f, const struct link *link, struct ends *out)
{
    const struct directory *d = f->gather.ways.directory;
    const struct node *a = stop_node(d, link->a);
    const struct node *b = stop_node(d, link->b);
    const bool is_turned = a == NULL || (b != NULL && b == f->wanted);
    const way_stop other = is_turned ? link->a : link->b;
    *out =
        (struct ends){is_turned ? b : a, is_turned ? a : b, links_hop(f->gather.links, d, other)};
    return out->a != NULL;
}

static size_t candidates_of(const struct affinity *f, const struct ends *ends)
{
    const struct node *candidates[HOPS_CANDIDATES_MAX];
    uint8_t bytes[HOP_BYTES_MAX];
    hop_unpack(ends->hop, bytes);
    return hops_candidates(f->gather.ways.directory, bytes, hop_size(ends->hop), candidates);
}

static bool is_asked_for(const struct affinity *f, const struct ends *ends)
{
    uint8_t bytes[HOP_BYTES_MAX];
    char digits[PREFIX_DIGITS];
    if (f->wanted != NULL && ends->a != f->wanted)
        return false;
    if (f->prefix == NULL)
        return true;
    hop_unpack(ends->hop, bytes);
    hex_encode_upper(bytes, hop_size(ends->hop), digits);
    digits[2 * hop_size(ends->hop)] = '\0';
    return strncasecmp(digits, f->prefix, strlen(f->prefix)) == 0;
}

/* --- gathering -------------------------------------------------------------------------------- */

static void add_witness(struct witnesses *witnesses, const struct observer *observer)
{
    for (size_t i = 0; i < OBSERVERS_SHOWN; i++) {
        if (witnesses->all[i] == NULL)
            witnesses->all[i] = observer;
        if (witnesses->all[i] == observer)
            return;
    }
}

static void find_witnesses(struct affinity *f)
{
    for (size_t i = 0; i < ways_count(&f->gather.ways); i++) {
        struct way way;
        way_stop ends[WAY_ENDS_MAX];
        const size_t count = ways_at(&f->gather.ways, i, &way) ? way_ends(&way, ends) : 0;
        for (size_t at = 0; at + 1 < count; at++) {
            const struct link *link = links_find(f->gather.links, ends[at], ends[at + 1]);
            if (link != NULL)
                add_witness(&f->witnesses[link - links_at(f->gather.links, 0)], way.observer);
        }
    }
}

static void count_edge(struct affinity *f, const struct link *link, const struct ends *ends)
{
    f->total++;
    f->covered += link_weight(link) >= COVERED_COUNT;
    if (ends->b != NULL) {
        f->resolved++;
        f->score_sum += link_score(link);
    } else if (candidates_of(f, ends) > 0) {
        f->ambiguous++;
    } else {
        f->unresolved++;
    }
}

static void choose_edges(struct affinity *f)
{
    for (size_t i = 0; i < links_count(f->gather.links); i++) {
        const struct link *link = links_at(f->gather.links, i);
        struct ends ends;
        if (!ends_of(f, link, &ends))
            continue;
        count_edge(f, link, &ends);
        if (is_asked_for(f, &ends))
            f->edges[f->edge_count++] = link;
    }
    qsort(f->edges, f->edge_count, sizeof(const struct link *), link_by_weight);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void write_node(struct json_write *w, const char *key, const char *name_key,
                       const struct node *node)
{
    if (node != NULL)
        jw_hex_lower(w, key, node->key, sizeof node->key);
    else
        jw_null(w, key);
    jw_string_or_null(w, name_key, node != NULL ? node->name : "");
}

static void write_edge(struct json_write *w, const struct affinity *f, const struct link *link)
{
    uint8_t bytes[HOP_BYTES_MAX];
    struct ends ends;
    if (!ends_of(f, link, &ends))
        return;
    hop_unpack(ends.hop, bytes);
    const struct witnesses *seen = &f->witnesses[link - links_at(f->gather.links, 0)];
    jw_object(w, NULL);
    write_node(w, "nodeA", "nodeAName", ends.a);
    write_node(w, "nodeB", "nodeBName", ends.b);
    jw_hex_upper(w, "prefix", bytes, hop_size(ends.hop));
    jw_uint(w, "weight", link_weight(link));
    jw_uint(w, "observationCount", link_weight(link));
    jw_rounded(w, "score", link_score(link), 2);
    write_moment(w, "lastSeen", &f->gather.ways, link->last);
    jw_array(w, "observers");
    for (size_t i = 0; i < OBSERVERS_SHOWN && seen->all[i] != NULL; i++)
        jw_string(w, NULL, seen->all[i]->identity);
    jw_array_end(w);
    if (!isnan(link_snr(link)))
        jw_rounded(w, "avgSnr", link_snr(link), 2);
    jw_bool(w, "ambiguous", ends.b == NULL);
    jw_bool(w, "unresolved", ends.b == NULL && candidates_of(f, &ends) == 0);
    jw_bool(w, "resolved", ends.b != NULL);
    jw_object_end(w);
}

static void write_stats(struct json_write *w, const struct affinity *f, int64_t now_ms)
{
    const int64_t to_ms = f->gather.ways.to_ms;
    char age[32];
    (void)snprintf(age, sizeof age, "%llds", (long long)((now_ms - to_ms) / MS_PER_S));
    jw_object(w, "stats");
    jw_uint(w, "totalEdges", f->total);
    jw_uint(w, "totalNodes", f->gather.links->degrees.count);
    jw_uint(w, "resolvedCount", f->resolved);
    jw_uint(w, "ambiguousCount", f->ambiguous);
    jw_uint(w, "unresolvedCount", f->unresolved);
    jw_rounded(w, "avgConfidence", f->resolved == 0 ? 0 : f->score_sum / (double)f->resolved, 3);
    jw_rounded(w, "coldStartCoverage",
               f->total == 0 ? 0 : 100.0 * (double)f->covered / (double)f->total, 1);
    jw_string(w, "cacheAge", age);
    jw_time(w, "lastRebuild", to_ms * US_PER_MS);
    jw_object_end(w);
}

/* ---------------------------------------------------------------------------------------------- */

/* False = no memory. */
static bool make(struct affinity *f, struct analytics_turn *turn)
{
    if (!gather_begin(&f->gather, turn))
        return false;
    const size_t count = links_count(f->gather.links);
    f->witnesses = calloc(count + 1, sizeof *f->witnesses);
    f->edges = malloc((count + 1) * sizeof(const struct link *));
    if (f->witnesses == NULL || f->edges == NULL)
        return false;
    find_witnesses(f);
    choose_edges(f);
    return true;
}

/* A node that is not there has no edges. */
static bool find_wanted(struct affinity *f, const struct analytics_turn *turn)
{
    const char *node = http_query_text(turn->query, "node");
    size_t count = 0;
    if (node == NULL || *node == '\0')
        return true;
    return node_find(turn->facts.directory, node, &f->wanted, &count) && count == 1;
}

bool affinity_compute(struct analytics_turn *turn, struct json_write *w)
{
    struct affinity f = {.prefix = http_query_text(turn->query, "prefix")};
    const bool has_edges = find_wanted(&f, turn);
    const bool is_good = make(&f, turn);
    if (is_good) {
        const size_t shown = has_edges ? min_size(f.edge_count, EDGES_SHOWN) : 0;
        jw_array(w, "edges");
        for (size_t i = 0; i < shown; i++)
            write_edge(w, &f, f.edges[i]);
        jw_array_end(w);
        jw_array(w, "resolutions");
        jw_array_end(w);
        write_stats(w, &f, turn->facts.now_ms);
        turn->is_complete = turn->is_complete && (!has_edges || shown == f.edge_count);
    }
    free(f.witnesses);
    free(f.edges);
    gather_done(&f.gather);
    return is_good;
}
