/* SPDX-License-Identifier: MIT
 *
 * How far packets came in one step, in kilometres along the great circle.
 *
 * Definitions. A hop is a link (links.h) between two nodes whose positions are known; each counts
 * once, however often it was used (obsCount). One of more than TOO_FAR_KM, or of the configured
 * maxHopDist, is no radio link but a wrong position: it is left out, and counted in tooFar.
 *   summary           totalHops, avgDist and maxDist of the hops; totalPaths: ways
 *                     (ways.h) with one
 *   catStats          of them by roles, where there are any: R a repeater or room, C anything else
 *   distHistogram     hops by distance, in BINS bins of one width
 *   distOverTime      for each hour of the window the hops that were used in it, and their mean
 *   topHops           the longest; bestSnr: the strongest that an observer measured; hash and
 *                     timestamp: of the newest packet that showed it
 *   topPaths          the ways with the greatest sum of hops, one for a packet
 * medianSnr of a hop: the median of what observers at its ends measured, to half a dB
 * (tally_strengths.h). */
#include "cmd/server/paths/paths.h"

#include "cmd/server/analytics/histogram.h"
#include "cmd/server/model/packet_read.h"
#include "cmd/server/paths/gather.h"
#include "cmd/server/tally/tally_strengths.h"
#include "common/base/geo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOO_FAR_KM  300.0
#define BINS        25
#define HOURS       25 /* in part: the first and the last of a day's window */
#define HOPS_SHOWN  50
#define PATHS_SHOWN 20

enum category { BOTH_RELAYS, ONE_RELAY, NO_RELAY, CATEGORIES };
static const char *const category_names[CATEGORIES] = {"R↔R", "C↔R", "C↔C"};

struct hop {
    const struct link *link;
    double km;
    enum category category;
};

struct long_path {
    struct way way;
    double km;
    size_t hops;
};

struct distance {
    struct gather gather;
    const struct tally_strengths *strengths;  /* borrowed */
    uint32_t bins[HOPS_SHOWN][STRENGTH_BINS]; /* of the longest hops */
    double too_far_km;
    struct hop *hops; /* owned; the longest first */
    size_t hop_count, too_far;
    struct long_path paths[PATHS_SHOWN]; /* the longest first */
    size_t path_count;
    uint64_t way_count;
};

/* --- hops ------------------------------------------------------------------------------------- */

static bool has_position(const struct node *node)
{
    return node != NULL && node_is_placed(node);
}

/* NaN = a position is not known. */
static double distance_of(const struct distance *d, way_stop a, way_stop b)
{
    const struct node *x = stop_node(d->gather.ways.directory, a);
    const struct node *y = stop_node(d->gather.ways.directory, b);
    if (a == b || !has_position(x) || !has_position(y))
        return (double)NAN;
    return geo_distance_km((struct geo_point){x->lat, x->lon}, (struct geo_point){y->lat, y->lon});
}

static bool is_relay(const struct distance *d, way_stop stop)
{
    return node_may_relay(stop_node(d->gather.ways.directory, stop));
}

static int by_length(const void *a, const void *b)
{
    const struct hop *x = a;
    const struct hop *y = b;
    if (x->km != y->km)
        return x->km < y->km ? 1 : -1;
    return link_by_ends(x->link, y->link);
}

static void find_hops(struct distance *d)
{
    for (size_t i = 0; i < links_count(d->gather.links); i++) {
        const struct link *link = links_at(d->gather.links, i);
        const double km = distance_of(d, link->a, link->b);
        if (isnan(km))
            continue;
        if (km > d->too_far_km) {
            d->too_far++;
            continue;
        }
        const unsigned relays = (unsigned)is_relay(d, link->a) + is_relay(d, link->b);
        d->hops[d->hop_count++] = (struct hop){link, km,
                                               relays == 2   ? BOTH_RELAYS
                                               : relays == 1 ? ONE_RELAY
                                                             : NO_RELAY};
    }
    qsort(d->hops, d->hop_count, sizeof *d->hops, by_length);
}

/* --- strengths -------------------------------------------------------------------------------- */

static way_stop stop_of_end(const struct distance *d, edge_end end)
{
    const struct directory *directory = d->gather.ways.directory;
    return edge_end_kind(end) == EDGE_HOP
               ? stop_of_hop(directory, (uint32_t)edge_end_id(end), d->gather.ways.to_ms)
               : stop_of_node(directory_node(directory, edge_end_id(end)));
}

static void add_strength(struct distance *d, const struct strength *strength, way_stop from,
                         way_stop to)
{
    for (size_t i = 0; i < min_size(d->hop_count, HOPS_SHOWN); i++) {
        const struct link *link = d->hops[i].link;
        if ((link->a != from || link->b != to) && (link->a != to || link->b != from))
            continue;
        for (size_t bin = 0; bin < STRENGTH_BINS; bin++)
            d->bins[i][bin] += strength->bins[bin];
    }
}

static void find_strengths(struct distance *d)
{
    for (size_t i = 0; i < tally_strengths_count(d->strengths); i++) {
        const struct strength *strength = tally_strengths_at(d->strengths, i);
        const struct observer *observer =
            directory_observer(d->gather.ways.directory, strength->observer);
        const way_stop to =
            observer != NULL && !observer->is_hidden ? stop_of_node(observer->node) : STOP_NONE;
        if (to != STOP_NONE)
            add_strength(d, strength, stop_of_end(d, strength->from), to);
    }
}

/* --- paths ------------------------------------------------------------------------------------ */

/* The sum of a way's hops; *out_hops: how many. */
static double length_of(const struct distance *d, const struct way *way, size_t *out_hops)
{
    way_stop ends[WAY_ENDS_MAX];
    const size_t count = way_ends(way, ends);
    double sum = 0;
    *out_hops = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        const double km = distance_of(d, ends[i], ends[i + 1]);
        if (isnan(km) || km > d->too_far_km)
            continue;
        sum += km;
        ++*out_hops;
    }
    return sum;
}

/* Into its place, if it has one; of the ways of one packet the longest stays. */
static void keep_path(struct distance *d, const struct long_path *path)
{
    size_t at = 0;
    while (at < d->path_count && d->paths[at].km >= path->km) {
        if (d->paths[at].way.heard->sample_id == path->way.heard->sample_id)
            return;
        at++;
    }
    size_t end = at;
    while (end < d->path_count && d->paths[end].way.heard->sample_id != path->way.heard->sample_id)
        end++;
    if (at == PATHS_SHOWN)
        return;
    if (end == d->path_count && end < PATHS_SHOWN)
        d->path_count++;
    end = min_size(end, PATHS_SHOWN - 1);
    memmove(&d->paths[at + 1], &d->paths[at], (end - at) * sizeof *d->paths);
    d->paths[at] = *path;
}

static void find_paths(struct distance *d)
{
    for (size_t i = 0; i < ways_count(&d->gather.ways); i++) {
        struct long_path path;
        if (!ways_at(&d->gather.ways, i, &path.way))
            continue;
        path.km = length_of(d, &path.way, &path.hops);
        d->way_count += path.hops > 0;
        if (path.hops > 0)
            keep_path(d, &path);
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void write_km(struct json_write *w, const char *key, double km)
{
    jw_rounded(w, key, km, 2);
}

/* Of the hops of a category, or of all: CATEGORIES. The hops are in order. */
struct spread {
    size_t count;
    double sum, least, most, median;
};

static struct spread spread_of(const struct distance *d, enum category category)
{
    struct spread s = {.least = (double)NAN, .most = (double)NAN, .median = (double)NAN};
    double upper = (double)NAN;
    for (size_t i = 0; i < d->hop_count; i++)
        s.count += category == CATEGORIES || d->hops[i].category == category;
    for (size_t i = 0, at = 0; i < d->hop_count; i++) {
        if (category != CATEGORIES && d->hops[i].category != category)
            continue;
        s.sum += d->hops[i].km;
        s.most = at == 0 ? d->hops[i].km : s.most;
        s.least = d->hops[i].km;
        if (at == (s.count - 1) / 2)
            upper = d->hops[i].km;
        if (at++ == s.count / 2)
            s.median = (upper + d->hops[i].km) / 2;
    }
    return s;
}

static void write_summary(struct json_write *w, const struct distance *d)
{
    const struct spread s = spread_of(d, CATEGORIES);
    jw_object(w, "summary");
    jw_uint(w, "totalHops", s.count);
    jw_uint(w, "totalPaths", d->way_count);
    write_km(w, "avgDist", s.sum / (double)s.count);
    write_km(w, "maxDist", s.most);
    jw_uint(w, "tooFar", d->too_far);
    write_km(w, "tooFarKm", d->too_far_km);
    jw_object_end(w);
    jw_object(w, "catStats");
    for (enum category c = 0; c < CATEGORIES; c++) {
        const struct spread of = spread_of(d, c);
        if (of.count == 0)
            continue;
        jw_object(w, category_names[c]);
        jw_uint(w, "count", of.count);
        write_km(w, "avg", of.sum / (double)of.count);
        write_km(w, "median", of.median);
        write_km(w, "min", of.least);
        write_km(w, "max", of.most);
        jw_object_end(w);
    }
    jw_object_end(w);
}

static void write_histogram(struct json_write *w, const struct distance *d)
{
    size_t bins[BINS] = {0};
    if (d->hop_count == 0) {
        jw_array(w, "distHistogram");
        jw_array_end(w);
        return;
    }
    const double low = d->hops[d->hop_count - 1].km;
    const double high = d->hops[0].km;
    const double width = high > low ? (high - low) / BINS : 1;
    for (size_t i = 0; i < d->hop_count; i++)
        bins[min_size((size_t)((d->hops[i].km - low) / width), BINS - 1)]++;
    jw_object(w, "distHistogram");
    jw_array(w, "bins");
    for (size_t i = 0; i < BINS; i++) {
        jw_object(w, NULL);
        jw_rounded(w, "x", low + width * (double)i, 3);
        jw_rounded(w, "w", width, 3);
        jw_uint(w, "count", bins[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_rounded(w, "min", low, 3);
    jw_rounded(w, "max", high, 3);
    jw_object_end(w);
}

static void write_over_time(struct json_write *w, const struct distance *d)
{
    const int64_t first = d->gather.ways.origin_ms / MS_PER_HOUR;
    jw_array(w, "distOverTime");
    for (unsigned hour = 0; hour < HOURS; hour++) {
        size_t count = 0;
        double sum = 0;
        for (size_t i = 0; i < d->hop_count; i++) {
            if ((d->hops[i].link->hours >> hour & 1) == 0)
                continue;
            count++;
            sum += d->hops[i].km;
        }
        if (count == 0)
            continue;
        jw_object(w, NULL);
        hour_write(w, "hour", first + hour);
        write_km(w, "avg", sum / (double)count);
        jw_uint(w, "count", count);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_sample(struct json_write *w, const struct analytics_turn *turn,
                         const struct distance *d, int64_t transmission_id, uint32_t at)
{
    uint8_t hash[MESHCORE_HASH_BYTES];
    if (packet_sample_hash(turn->asking, transmission_id, hash))
        jw_hex_lower(w, "hash", hash, sizeof hash);
    else
        jw_null(w, "hash");
    write_moment(w, "timestamp", &d->gather.ways, at);
}

static void write_end(struct json_write *w, const struct distance *d, const char *name,
                      const char *key, way_stop stop)
{
    const struct node *node = stop_node(d->gather.ways.directory, stop);
    jw_string_or_null(w, name, node->name);
    jw_hex_lower(w, key, node->key, sizeof node->key);
}

static void write_hops(struct json_write *w, const struct analytics_turn *turn,
                       const struct distance *d)
{
    jw_array(w, "topHops");
    for (size_t i = 0; i < min_size(d->hop_count, HOPS_SHOWN); i++) {
        const struct hop *hop = &d->hops[i];
        const bool is_measured = hop->link->snr_count > 0;
        jw_object(w, NULL);
        write_end(w, d, "fromName", "fromPk", hop->link->a);
        write_end(w, d, "toName", "toPk", hop->link->b);
        write_km(w, "dist", hop->km);
        jw_string(w, "type", category_names[hop->category]);
        jw_real(w, "bestSnr", is_measured ? (double)hop->link->snr_best : (double)NAN);
        jw_rounded(w, "medianSnr", strength_median(d->bins[i]), 2);
        jw_uint(w, "obsCount", link_weight(hop->link));
        write_sample(w, turn, d, hop->link->sample_id, hop->link->last);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_path(struct json_write *w, const struct distance *d, const struct way *way)
{
    way_stop ends[WAY_ENDS_MAX];
    const size_t count = way_ends(way, ends);
    jw_array(w, "hops");
    for (size_t i = 0; i + 1 < count; i++) {
        const double km = distance_of(d, ends[i], ends[i + 1]);
        if (isnan(km) || km > d->too_far_km)
            continue;
        jw_object(w, NULL);
        write_end(w, d, "fromName", "fromPk", ends[i]);
        write_end(w, d, "toName", "toPk", ends[i + 1]);
        write_km(w, "dist", km);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_paths(struct json_write *w, const struct analytics_turn *turn,
                        const struct distance *d)
{
    jw_array(w, "topPaths");
    for (size_t i = 0; i < d->path_count; i++) {
        const struct long_path *path = &d->paths[i];
        const struct way *way = &path->way;
        jw_object(w, NULL);
        write_sample(w, turn, d, way->heard->sample_id, way->heard->last);
        write_km(w, "totalDist", path->km);
        jw_uint(w, "hopCount", path->hops);
        write_path(w, d, way);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* ---------------------------------------------------------------------------------------------- */

static bool write_all(struct json_write *w, const struct analytics_turn *turn, struct distance *d)
{
    d->hops = malloc((links_count(d->gather.links) + 1) * sizeof *d->hops);
    if (d->hops == NULL)
        return false;
    find_hops(d);
    find_strengths(d);
    find_paths(d);
    write_summary(w, d);
    write_hops(w, turn, d);
    write_paths(w, turn, d);
    write_histogram(w, d);
    write_over_time(w, d);
    return true;
}

bool distance_compute(struct analytics_turn *turn, struct json_write *w)
{
    const double configured = turn->asking->config->page.max_hop_dist;
    struct distance *d = calloc(1, sizeof *d);
    if (d == NULL)
        return false;
    d->strengths = summary_strengths(turn->facts.summary);
    analysis_of_summary(turn, 1U << TALLY_strengths);
    d->too_far_km = configured > 0 ? configured : TOO_FAR_KM;
    const bool is_good = gather_begin(&d->gather, turn) && write_all(w, turn, d);
    gather_done(&d->gather);
    free(d->hops);
    free(d);
    return is_good;
}
