/* SPDX-License-Identifier: MIT
 *
 * How far packets came, and over whom.
 *
 * Definitions, of the receptions of floods in the window that came over at least one hop:
 *   hopDistribution, avgHops, medianHops, maxHops  by the hops of the path; the median of an even
 *                     number is the mean of the two in the middle
 *   hopsVsSnr         the mean of the SNR that was measured (not invented), by hops
 *   uniqueNodes       nodes that were a hop
 *   topRepeaters      stops (ways.h) by the receptions that came over them, each once
 *   topPairs          two stops that followed each other as hops, in either order, by receptions
 *   perObserverReach  the stops of an observer's paths, by the least number of hops before it at
 *                     which it met them: 1 is the last hop; count: receptions; distRange: least and
 *                     most hops where they differ
 *   multiObsNodes     stops that several observers met
 *   bestPathList      stops, with the observer to whom they had the fewest hops
 * SQL that the figures are a recount of: SELECT path, path_size, observer_id, snr FROM observations
 * o JOIN transmissions t ON t.id = o.transmission_id WHERE direction = 0 AND coalesce(o.route,
 * t.route) IN (0, 1) AND t.type <> 9 AND path <> x'' AND receipt_ms BETWEEN from AND to. */
#include "cmd/server/paths/paths.h"

#include "cmd/server/analytics/histogram.h"
#include "cmd/server/paths/gather.h"

#include <math.h>
#include <stdlib.h>

#define RINGS_MAX 131072
/* With names of nothing but escapes an answer of all of these has 3.2 MB. */
#define TOP_SHOWN            100
#define OBSERVERS_SHOWN      48
#define RING_HOPS_SHOWN      8
#define RING_STOPS_SHOWN     20
#define STOPS_SHOWN          50
#define STOP_OBSERVERS_MAX   10
#define HOPS_OF_DISTRIBUTION (MESHCORE_PATH_MAX + 1)

/* How an observer met a stop. */
struct ring {
    uint32_t observer; /* observers.id; these two are the key */
    way_stop stop;
    uint32_t receptions;
    uint8_t least, most;
    uint16_t unused;
};

struct topology {
    struct gather gather;
    struct table rings;
    const struct ring **sorted; /* owned; ring_count of them */
    uint64_t receptions[HOPS_OF_DISTRIBUTION];
    uint64_t snr_count[HOPS_OF_DISTRIBUTION];
    double snr_sum[HOPS_OF_DISTRIBUTION];
};

static const struct stop_keys keys = {"hop", "name", "pubkey"};

/* --- counting --------------------------------------------------------------------------------- */

static void add_rings(struct topology *t, const struct way *way)
{
    for (size_t i = way->stop_count; i-- > 0;) {
        const uint32_t key[2] = {way->heard->observer, way->stops[i]};
        const uint8_t distance = (uint8_t)(way->stop_count - i);
        bool is_new;
        struct ring *ring = table_take(&t->rings, key, &is_new);
        if (ring == NULL)
            continue;
        if (!way_was_at(way->stops, i))
            ring->receptions += way->heard->receptions;
        if (is_new || distance < ring->least)
            ring->least = distance;
        if (distance > ring->most)
            ring->most = distance;
    }
}

static void count(struct topology *t)
{
    for (size_t i = 0; i < ways_count(&t->gather.ways); i++) {
        struct way way;
        if (!ways_at(&t->gather.ways, i, &way) || way.stop_count == 0 ||
            way.stop_count >= HOPS_OF_DISTRIBUTION)
            continue;
        t->receptions[way.stop_count] += way.heard->receptions;
        t->snr_count[way.stop_count] += way.heard->snr_count;
        t->snr_sum[way.stop_count] += (double)way.heard->snr_sum;
        add_rings(t, &way);
    }
}

/* --- distributions ---------------------------------------------------------------------------- */

static void write_averages(struct json_write *w, const struct topology *t)
{
    const struct histogram hops = {t->receptions, HOPS_OF_DISTRIBUTION, 0, 1, 0};
    const bool is_any = histogram_total(&hops) > 0;
    jw_rounded(w, "avgHops", is_any ? histogram_mean(&hops) : (double)NAN, 2);
    jw_rounded(w, "medianHops", is_any ? histogram_median(&hops) : (double)NAN, 1);
    jw_uint(w, "maxHops", (uint64_t)histogram_max(&hops));
}

static void write_distributions(struct json_write *w, const struct topology *t)
{
    jw_array(w, "hopDistribution");
    for (size_t hops = 1; hops < HOPS_OF_DISTRIBUTION; hops++) {
        if (t->receptions[hops] == 0)
            continue;
        jw_object(w, NULL);
        jw_uint(w, "hops", hops);
        jw_uint(w, "count", t->receptions[hops]);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_array(w, "hopsVsSnr");
    for (size_t hops = 1; hops < HOPS_OF_DISTRIBUTION; hops++) {
        if (t->snr_count[hops] == 0)
            continue;
        jw_object(w, NULL);
        jw_uint(w, "hops", hops);
        jw_uint(w, "count", t->snr_count[hops]);
        jw_rounded(w, "avgSnr", t->snr_sum[hops] / (double)t->snr_count[hops], 2);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* --- repeaters and pairs ---------------------------------------------------------------------- */

static int by_receptions(const void *a, const void *b)
{
    const struct relay *x = *(const struct relay *const *)a;
    const struct relay *y = *(const struct relay *const *)b;
    if (x->receptions != y->receptions)
        return x->receptions < y->receptions ? 1 : -1;
    return (x->stop > y->stop) - (x->stop < y->stop);
}

static int by_relayed(const void *a, const void *b)
{
    const struct link *x = *(const struct link *const *)a;
    const struct link *y = *(const struct link *const *)b;
    if (x->relayed != y->relayed)
        return x->relayed < y->relayed ? 1 : -1;
    return link_by_ends(x, y);
}

static void write_unique(struct json_write *w, const struct topology *t)
{
    const struct table *relays = &t->gather.links->relays;
    size_t nodes = 0;
    for (size_t i = 0; i < relays->count; i++)
        nodes += stop_is_node(((const struct relay *)table_at(relays, i))->stop);
    jw_uint(w, "uniqueNodes", nodes);
}

static bool write_repeaters(struct json_write *w, const struct topology *t)
{
    const struct table *relays = &t->gather.links->relays;
    const void **sorted = table_sorted(relays, by_receptions);
    if (sorted == NULL)
        return false;
    jw_array(w, "topRepeaters");
    for (size_t i = 0; i < min_size(relays->count, TOP_SHOWN); i++) {
        const struct relay *relay = sorted[i];
        jw_object(w, NULL);
        gather_write_stop(w, &keys, &t->gather, relay->stop);
        jw_uint(w, "count", relay->receptions);
        jw_object_end(w);
    }
    jw_array_end(w);
    free(sorted);
    return true;
}

static bool write_pairs(struct json_write *w, const struct topology *t)
{
    static const struct stop_keys a = {"hopA", "nameA", "pubkeyA"};
    static const struct stop_keys b = {"hopB", "nameB", "pubkeyB"};
    const struct table *links = &t->gather.links->links;
    const void **sorted = table_sorted(links, by_relayed);
    if (sorted == NULL)
        return false;
    jw_array(w, "topPairs");
    for (size_t i = 0; i < min_size(links->count, TOP_SHOWN); i++) {
        const struct link *link = sorted[i];
        if (link->relayed == 0)
            break;
        jw_object(w, NULL);
        gather_write_stop(w, &a, &t->gather, link->a);
        gather_write_stop(w, &b, &t->gather, link->b);
        jw_uint(w, "count", link->relayed);
        jw_object_end(w);
    }
    jw_array_end(w);
    free(sorted);
    return true;
}

/* --- per observer ----------------------------------------------------------------------------- */

static const struct observer *ring_observer(const struct topology *t, const struct ring *ring)
{
    return directory_observer(t->gather.ways.directory, ring->observer);
}

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

/* The nearer first, then the more frequent one. */
static int by_meeting(const struct ring *x, const struct ring *y)
{
    const int order = compare_u32(x->least, y->least);
    return order != 0 ? order : compare_u32(y->receptions, x->receptions);
}

static int by_observer(const void *a, const void *b)
{
    const struct ring *x = *(const struct ring *const *)a;
    const struct ring *y = *(const struct ring *const *)b;
    int order = compare_u32(x->observer, y->observer);
    if (order == 0)
        order = by_meeting(x, y);
    return order != 0 ? order : compare_u32(x->stop, y->stop);
}

static int by_stop(const void *a, const void *b)
{
    const struct ring *x = *(const struct ring *const *)a;
    const struct ring *y = *(const struct ring *const *)b;
    int order = compare_u32(x->stop, y->stop);
    if (order == 0)
        order = by_meeting(x, y);
    return order != 0 ? order : compare_u32(x->observer, y->observer);
}

/* A group of rings that belong together: sorted[0..count). */
struct group {
    const struct ring *const *rings;
    size_t count;
};

static bool is_same_observer(const struct ring *a, const struct ring *b)
{
    return a->observer == b->observer;
}

static bool is_same_stop(const struct ring *a, const struct ring *b)
{
    return a->stop == b->stop;
}

/* All groups; free() them. NULL = no memory. */
static struct group *find_groups(const struct topology *t,
                                 bool (*is_same)(const struct ring *, const struct ring *),
                                 size_t *out)
{
    struct group *groups = malloc((t->rings.count + 1) * sizeof *groups);
    size_t count = 0;
    for (size_t at = 0; groups != NULL && at < t->rings.count; at++) {
        if (at == 0 || !is_same(t->sorted[at - 1], t->sorted[at]))
            groups[count++] = (struct group){t->sorted + at, 0};
        groups[count - 1].count++;
    }
    *out = count;
    return groups;
}

static int by_size(const void *a, const void *b)
{
    const struct group *x = a;
    const struct group *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    const int order = compare_u32(x->rings[0]->observer, y->rings[0]->observer);
    return order != 0 ? order : compare_u32(x->rings[0]->stop, y->rings[0]->stop);
}

static void write_ring_stop(struct json_write *w, const struct topology *t, const struct ring *ring)
{
    char range[16];
    jw_object(w, NULL);
    gather_write_stop(w, &keys, &t->gather, ring->stop);
    jw_uint(w, "count", ring->receptions);
    if (ring->least != ring->most) {
        (void)snprintf(range, sizeof range, "%u-%u", ring->least, ring->most);
        jw_string(w, "distRange", range);
    }
    jw_object_end(w);
}

static void write_rings(struct json_write *w, const struct topology *t, const struct group *group)
{
    size_t at = 0;
    jw_array(w, "rings");
    while (at < group->count && group->rings[at]->least <= RING_HOPS_SHOWN) {
        const uint8_t hops = group->rings[at]->least;
        size_t shown = 0;
        jw_object(w, NULL);
        jw_uint(w, "hops", hops);
        jw_array(w, "nodes");
        for (; at < group->count && group->rings[at]->least == hops; at++)
            if (shown++ < RING_STOPS_SHOWN)
                write_ring_stop(w, t, group->rings[at]);
        jw_array_end(w);
        jw_uint(w, "total", shown);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool write_observers(struct json_write *w, struct topology *t)
{
    size_t count;
    qsort(t->sorted, t->rings.count, sizeof(void *), by_observer);
    struct group *groups = find_groups(t, is_same_observer, &count);
    if (groups == NULL)
        return false;
    qsort(groups, count, sizeof *groups, by_size);
    jw_array(w, "observers");
    for (size_t i = 0; i < min_size(count, OBSERVERS_SHOWN); i++) {
        const struct observer *observer = ring_observer(t, groups[i].rings[0]);
        jw_object(w, NULL);
        jw_string(w, "id", observer->identity);
        jw_string_or_null(w, "name", observer->name);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object(w, "perObserverReach");
    for (size_t i = 0; i < min_size(count, OBSERVERS_SHOWN); i++) {
        const struct observer *observer = ring_observer(t, groups[i].rings[0]);
        jw_key(w, observer->identity);
        jw_object(w, NULL);
        jw_string_or_null(w, "observer_name", observer->name);
        write_rings(w, t, &groups[i]);
        jw_object_end(w);
    }
    jw_object_end(w);
    free(groups);
    return true;
}

/* --- per stop --------------------------------------------------------------------------------- */

static void write_observer_name(struct json_write *w, const struct topology *t,
                                const struct ring *ring)
{
    const struct observer *observer = ring_observer(t, ring);
    jw_string(w, "observer_id", observer->identity);
    jw_string_or_null(w, "observer_name", observer->name);
    jw_uint(w, "minDist", ring->least);
}

static void write_stop_observers(struct json_write *w, const struct topology *t,
                                 const struct group *group)
{
    jw_object(w, NULL);
    gather_write_stop(w, &keys, &t->gather, group->rings[0]->stop);
    jw_array(w, "observers");
    for (size_t i = 0; i < min_size(group->count, STOP_OBSERVERS_MAX); i++) {
        jw_object(w, NULL);
        write_observer_name(w, t, group->rings[i]);
        jw_uint(w, "count", group->rings[i]->receptions);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_uint(w, "observerCount", group->count);
    jw_object_end(w);
}

static int by_nearness(const void *a, const void *b)
{
    const struct ring *x = ((const struct group *)a)->rings[0];
    const struct ring *y = ((const struct group *)b)->rings[0];
    const int order = by_meeting(x, y);
    return order != 0 ? order : compare_u32(x->stop, y->stop);
}

static bool write_stops(struct json_write *w, struct topology *t)
{
    size_t count;
    qsort(t->sorted, t->rings.count, sizeof(void *), by_stop);
    struct group *groups = find_groups(t, is_same_stop, &count);
    if (groups == NULL)
        return false;
    qsort(groups, count, sizeof *groups, by_size);
    jw_array(w, "multiObsNodes");
    for (size_t i = 0; i < min_size(count, STOPS_SHOWN) && groups[i].count > 1; i++)
        write_stop_observers(w, t, &groups[i]);
    jw_array_end(w);
    qsort(groups, count, sizeof *groups, by_nearness);
    jw_array(w, "bestPathList");
    for (size_t i = 0; i < min_size(count, STOPS_SHOWN); i++) {
        jw_object(w, NULL);
        gather_write_stop(w, &keys, &t->gather, groups[i].rings[0]->stop);
        write_observer_name(w, t, groups[i].rings[0]);
        jw_object_end(w);
    }
    jw_array_end(w);
    free(groups);
    return true;
}

/* ---------------------------------------------------------------------------------------------- */

static bool write_all(struct json_write *w, struct topology *t)
{
    count(t);
    t->sorted = malloc((t->rings.count + 1) * sizeof(void *));
    if (t->sorted == NULL)
        return false;
    for (size_t i = 0; i < t->rings.count; i++)
        t->sorted[i] = table_at(&t->rings, i);
    write_unique(w, t);
    write_averages(w, t);
    write_distributions(w, t);
    return write_repeaters(w, t) && write_pairs(w, t) && write_observers(w, t) && write_stops(w, t);
}

bool topology_compute(struct analytics_turn *turn, struct json_write *w)
{
    struct topology *t = calloc(1, sizeof *t);
    if (t == NULL)
        return false;
    table_init(&t->rings, sizeof(struct ring), 2 * sizeof(uint32_t), RINGS_MAX);
    const bool is_good = gather_begin(&t->gather, turn) && write_all(w, t);
    turn->is_complete = turn->is_complete && !t->rings.is_cut;
    gather_done(&t->gather);
    table_done(&t->rings);
    free(t->sorted);
    free(t);
    return is_good;
}
