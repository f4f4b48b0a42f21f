/* SPDX-License-Identifier: MIT */
#include "cmd/server/tally/tally_edges.h"

#include "cmd/server/tally/table.h"

#include <math.h>
#include <stdlib.h>

struct tally_edges {
    struct table edges;
};

static void destroy(void *tally)
{
    struct tally_edges *t = tally;
    if (t == NULL)
        return;
    table_done(&t->edges);
    free(t);
}

static void *make(const struct tally_window *window)
{
    (void)window;
    struct tally_edges *t = calloc(1, sizeof *t);
    if (t != NULL)
        table_init(&t->edges, sizeof(struct edge_count), 2 * sizeof(edge_end), EDGES_MAX);
    return t;
}

/* The ends of a path, from its sender, if it is known, to the observer: at most 66. */
static size_t ends_of(const struct reception *r, edge_end out[static MESHCORE_PATH_MAX + 2])
{
    size_t count = 0;
    if (r->sender != 0)
        out[count++] = edge_end_of(EDGE_NODE, r->sender);
    for (size_t i = 0; i < r->hop_count; i++)
        out[count++] = edge_end_of(EDGE_HOP, reception_hop(r, i));
    out[count++] = edge_end_of(EDGE_OBSERVER, r->observer_id);
    return count;
}

static bool is_repeated(const edge_end *ends, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (ends[i] == ends[at] && ends[i + 1] == ends[at + 1])
            return true;
    return false;
}

static void note_observer(struct edge_count *edge, int64_t observer_id)
{
    for (size_t i = 0; i < EDGE_OBSERVERS_MAX; i++) {
        if (edge->observers[i] == 0)
            edge->observers[i] = (uint32_t)observer_id;
        if (edge->observers[i] == (uint32_t)observer_id)
            return;
    }
}

static void add_edge(struct tally_edges *t, const struct reception *r,
                     const edge_end ends[static 2])
{
    struct edge_count *edge = table_take(&t->edges, ends, NULL);
    if (edge == NULL)
        return;
    edge->count++;
    edge->by_mode[r->hop_count > 0 ? r->hop_bytes : 0]++;
    if (edge->first_ms == 0 || r->receipt_ms < edge->first_ms)
        edge->first_ms = r->receipt_ms;
    if (r->receipt_ms > edge->last_ms)
        edge->last_ms = r->receipt_ms;
    if (edge_end_kind(edge->to) == EDGE_OBSERVER && !isnan(r->snr)) {
        edge->snr_count++;
        edge->snr_sum += (float)r->snr;
    }
    note_observer(edge, r->observer_id);
}

static void add(void *tally, const struct reception *r)
{
    edge_end ends[MESHCORE_PATH_MAX + 2];
    if (!r->has_hops)
        return;
    const size_t count = ends_of(r, ends);
    for (size_t i = 0; i + 1 < count; i++)
        if (!is_repeated(ends, i))
            add_edge(tally, r, &ends[i]);
}

static bool is_cut(const void *tally)
{
    return ((const struct tally_edges *)tally)->edges.is_cut;
}

static size_t bytes(const void *tally)
{
    const struct tally_edges *t = tally;
    return sizeof *t + table_bytes(&t->edges);
}

const struct tally_kind tally_edges = {make, add, NULL, is_cut, bytes, destroy};

size_t tally_edges_count(const struct tally_edges *tally)
{
    return tally->edges.count;
}

const struct edge_count *tally_edges_at(const struct tally_edges *tally, size_t at)
{
    return table_at(&tally->edges, at);
}
