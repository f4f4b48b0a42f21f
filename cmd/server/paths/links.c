/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/links.h"

#include <math.h>
#include <stdlib.h>

#define FULL_SCORE_COUNT 100.0

_Static_assert(offsetof(struct link, there) == 8, "the key has no padding");

static void destroy(struct shared *shared)
{
    struct links *links = (struct links *)(void *)shared;
    table_done(&links->links);
    table_done(&links->relays);
    table_done(&links->degrees);
    free(links);
}

/* --- one way ---------------------------------------------------------------------------------- */

static bool is_repeated(const way_stop *ends, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (ends[i] == ends[at] && ends[i + 1] == ends[at + 1])
            return true;
    return false;
}

static void note_signal(struct link *link, const struct path_heard *heard)
{
    if (heard->snr_count == 0)
        return;
    if (link->snr_count == 0 || heard->snr_best > link->snr_best)
        link->snr_best = heard->snr_best;
    link->snr_count += heard->snr_count;
    link->snr_sum += heard->snr_sum;
}

static void note_times(struct link *link, const struct path_heard *heard, bool is_new)
{
    if (is_new || heard->first < link->first)
        link->first = heard->first;
    if (is_new || heard->last > link->last) {
        link->last = heard->last;
        link->sample_id = heard->sample_id;
    }
    link->hours |= heard->hours;
}

struct step {
    way_stop from, to;
    bool is_relayed;  /* both are hops */
    bool is_received; /* `to` is the observer */
};

static void add_step(struct links *links, const struct step *step, const struct path_heard *heard)
{
    const bool is_there = step->from < step->to;
    const way_stop key[2] = {is_there ? step->from : step->to, is_there ? step->to : step->from};
    bool is_new;
    struct link *link = table_take(&links->links, key, &is_new);
    if (link == NULL)
        return;
    *(is_there ? &link->there : &link->back) += heard->receptions;
    if (step->is_relayed)
        link->relayed += heard->receptions;
    note_times(link, heard, is_new);
    if (step->is_received)
        note_signal(link, heard);
}

static void add_steps(struct links *links, const struct way *way)
{
    way_stop ends[WAY_ENDS_MAX];
    const size_t count = way_ends(way, ends);
    const size_t first_hop = way->sender != STOP_NONE;
    for (size_t i = 0; i + 1 < count; i++) {
        const struct step step = {.from = ends[i],
                                  .to = ends[i + 1],
                                  .is_relayed =
                                      i >= first_hop && i + 1 < first_hop + way->stop_count,
                                  .is_received = i + 1 == first_hop + way->stop_count};
        if (step.from != step.to && !is_repeated(ends, i))
            add_step(links, &step, way->heard);
    }
}

static void add_relays(struct links *links, const struct ways *ways, const struct way *way)
{
    if (way->path == NULL)
        return;
    const uint8_t *bytes = tally_path_bytes(ways->paths, way->path);
    const size_t size = way->path->hop_bytes;
    for (size_t i = 0; i < way->stop_count; i++) {
        const uint32_t hop = hop_pack(bytes + i * size, size);
        struct relay *relay =
            way_was_at(way->stops, i) ? NULL : table_take(&links->relays, &way->stops[i], NULL);
        if (relay == NULL)
            continue;
        relay->receptions += way->heard->receptions;
        if (hop > relay->hop)
            relay->hop = hop;
    }
}

static void count_degrees(struct links *links)
{
    for (size_t i = 0; i < links_count(links); i++) {
        const struct link *link = links_at(links, i);
        const way_stop ends[2] = {link->a, link->b};
        for (size_t end = 0; link_is_known(link) && end < 2; end++) {
            struct degree *degree = table_take(&links->degrees, &ends[end], NULL);
            if (degree != NULL)
                degree->links++;
        }
    }
}

/* ---------------------------------------------------------------------------------------------- */

struct links *links_new(const struct ways *ways)
{
    struct links *links = calloc(1, sizeof *links);
    if (links == NULL)
        return NULL;
    shared_init(&links->shared, destroy);
    links->from_ms = ways->from_ms;
    links->to_ms = ways->to_ms;
    table_init(&links->links, sizeof(struct link), offsetof(struct link, there), LINKS_MAX);
    table_init(&links->relays, sizeof(struct relay), sizeof(way_stop), RELAYS_MAX);
    table_init(&links->degrees, sizeof(struct degree), sizeof(way_stop), 2 * LINKS_MAX);
    for (size_t i = 0; i < ways_count(ways); i++) {
        struct way way;
        if (!ways_at(ways, i, &way))
            continue;
        add_steps(links, &way);
        add_relays(links, ways, &way);
    }
    count_degrees(links);
    links->is_complete = ways->is_complete && !links->links.is_cut && !links->relays.is_cut;
    return links;
}

/* The count of references is no part of what is constant. */
void links_unref(const struct links *links)
{
    shared_unref((struct shared *)(uintptr_t)links);
}

const struct links *links_take(struct shared_slot *slot)
{
    return (const struct links *)(void *)shared_take(slot);
}

const struct link *links_at(const struct links *links, size_t at)
{
    return table_at(&links->links, at);
}

const struct link *links_find(const struct links *links, way_stop a, way_stop b)
{
    const way_stop key[2] = {a < b ? a : b, a < b ? b : a};
    return table_find(&links->links, key);
}

const struct relay *links_relay(const struct links *links, way_stop stop)
{
    return table_find(&links->relays, &stop);
}

uint32_t links_hop(const struct links *links, const struct directory *directory, way_stop stop)
{
    if (!stop_is_node(stop))
        return stop;
    const struct relay *relay = links_relay(links, stop);
    const struct node *node = stop_node(directory, stop);
    return relay != NULL ? relay->hop : node != NULL ? hop_pack(node->key, 1) : STOP_NONE;
}

double link_score(const struct link *link)
{
    const double score = link_weight(link) / FULL_SCORE_COUNT;
    return score < 1 ? score : 1;
}

int link_by_ends(const struct link *x, const struct link *y)
{
    if (x->a != y->a)
        return x->a > y->a ? 1 : -1;
    return (x->b > y->b) - (x->b < y->b);
}

int link_by_weight(const void *a, const void *b)
{
    const struct link *x = *(const struct link *const *)a;
    const struct link *y = *(const struct link *const *)b;
    if (link_weight(x) != link_weight(y))
        return link_weight(x) < link_weight(y) ? 1 : -1;
    return link_by_ends(x, y);
}

double link_snr(const struct link *link)
{
    return link->snr_count == 0 ? (double)NAN : (double)link->snr_sum / link->snr_count;
}
