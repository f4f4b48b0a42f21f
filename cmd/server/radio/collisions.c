/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/collisions.h"

#include "cmd/server/analytics/histogram.h"
#include "cmd/server/analytics/places.h"
#include "common/base/hex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOCAL_KM    50
#define REGIONAL_KM 200
#define FIRST_BYTES 256

/* Nodes that relay, by their keys: those with one prefix lie together. */
struct relaying {
    const struct analytics_turn *turn;
    const struct node **nodes; /* borrowed */
    size_t count;
};

/* Nodes one behind the other. */
struct run {
    const struct node **first;
    size_t count;
};

/* --- the nodes -------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a;
    const struct node *y = *(const struct node *const *)b;
    return memcmp(x->key, y->key, sizeof x->key);
}

static int by_heard(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a;
    const struct node *y = *(const struct node *const *)b;
    return x->heard_ms != y->heard_ms ? (x->heard_ms < y->heard_ms ? 1 : -1) : by_key(a, b);
}

/* Of all, moves those that relay to the front. */
static size_t keep_relaying(const struct node **nodes, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (node_may_relay(nodes[i]) && !nodes[i]->is_inactive)
            nodes[kept++] = nodes[i];
    }
    return kept;
}

/* The next ones from `at` on that begin alike. */
static struct run next_run(const struct node **nodes, size_t count, size_t at, size_t bytes)
{
    size_t end = at + 1;
    while (end < count && memcmp(nodes[at]->key, nodes[end]->key, bytes) == 0)
        end++;
    return (struct run){nodes + at, end - at};
}

static void write_node(struct json_write *w, const struct analytics_turn *turn,
                       const struct node *node)
{
    jw_object(w, NULL);
    jw_hex_lower(w, "public_key", node->key, sizeof node->key);
    jw_string_or_null(w, "name", node->name);
    node_role(w, "role", node);
    jw_real(w, "lat", node->lat);
    jw_real(w, "lon", node->lon);
    node_hash_sizes(w, facts_adverts(&turn->facts, node));
    jw_object_end(w);
}

/* As cells have them: no more than the page shows of each. */
static void write_cell(struct json_write *w, const struct run *run)
{
    jw_array(w, NULL);
    for (size_t i = 0; i < run->count; i++) {
        jw_object(w, NULL);
        jw_hex_lower(w, "public_key", run->first[i]->key, sizeof run->first[i]->key);
        jw_string_or_null(w, "name", run->first[i]->name);
        node_role(w, "role", run->first[i]);
        jw_real(w, "lat", run->first[i]->lat);
        jw_real(w, "lon", run->first[i]->lon);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void key_prefix(struct json_write *w, const uint8_t *key, size_t bytes)
{
    char text[2 * HOP_BYTES_MAX + 1];
    hex_encode_upper(key, bytes, text);
    jw_key(w, text);
}

/* --- collisions ------------------------------------------------------------------------------- */

static size_t with_coords(const struct run *run)
{
    size_t count = 0;
    for (size_t i = 0; i < run->count; i++)
        count += node_is_placed(run->first[i]);
    return count;
}

static double widest_km(const struct run *run)
{
    double km = 0;
    const size_t count = min_size(run->count, DISTANCE_NODES);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            const struct node *a = run->first[i], *b = run->first[j];
            if (node_is_placed(a) && node_is_placed(b))
                km = fmax(km, geo_distance_km((struct geo_point){a->lat, a->lon},
                                              (struct geo_point){b->lat, b->lon}));
        }
    }
    return km;
}

static const char *classify(size_t placed, double km)
{
    return placed < 2         ? "incomplete"
           : km < LOCAL_KM    ? "local"
           : km < REGIONAL_KM ? "regional"
                              : "distant";
}

static void write_collision(struct json_write *w, const struct analytics_turn *turn,
                            const struct run *run, size_t bytes)
{
    const size_t placed = with_coords(run);
    const double km = widest_km(run);
    jw_object(w, NULL);
    jw_hex_upper(w, "prefix", run->first[0]->key, bytes);
    jw_uint(w, "byte_size", bytes);
    jw_uint(w, "appearances", run->count);
    jw_array(w, "nodes");
    for (size_t i = 0; i < run->count; i++)
        write_node(w, turn, run->first[i]);
    jw_array_end(w);
    jw_rounded(w, "max_dist_km", km, 2);
    jw_string(w, "classification", classify(placed, km));
    jw_uint(w, "with_coords", placed);
    jw_object_end(w);
}

static void write_collisions(struct json_write *w, const struct relaying *r, size_t bytes)
{
    jw_array(w, "collisions");
    for (size_t at = 0; at < r->count;) {
        const struct run run = next_run(r->nodes, r->count, at, bytes);
        if (run.count > 1)
            write_collision(w, r->turn, &run, bytes);
        at += run.count;
    }
    jw_array_end(w);
}

static void write_stats(struct json_write *w, const struct relaying *r, size_t bytes)
{
    uint64_t using = 0;
    uint64_t prefixes = 0;
    uint64_t collisions = 0;
    const double space = (double)(UINT64_C(1) << 8 * bytes);
    for (size_t i = 0; i < r->count; i++) {
        const struct advert_facts *adverts = facts_adverts(&r->turn->facts, r->nodes[i]);
        using += adverts != NULL && adverts->hash_size == bytes;
    }
    for (size_t at = 0; at < r->count; prefixes++) {
        const struct run run = next_run(r->nodes, r->count, at, bytes);
        collisions += run.count > 1;
        at += run.count;
    }
    jw_object(w, "stats");
    jw_uint(w, "total_nodes", r->count);
    jw_uint(w, "nodes_for_byte", r->count);
    jw_uint(w, "using_this_size", using);
    jw_uint(w, "unique_prefixes", prefixes);
    jw_uint(w, "collision_count", collisions);
    jw_uint(w, "space_size", UINT64_C(1) << 8 * bytes);
    jw_decimal(w, "pct_used", llround(1e6 * (double)prefixes / space), 4);
    jw_object_end(w);
}

/* --- cells ------------------------------------------------------------------------------------ */

/* Those whose key begins with this byte; *at moves behind them. */
static struct run first_byte(const struct relaying *r, size_t *at, unsigned byte)
{
    struct run run = {r->nodes + *at, 0};
    while (*at < r->count && r->nodes[*at]->key[0] == byte) {
        (*at)++;
        run.count++;
    }
    return run;
}

static void write_group(struct json_write *w, const struct run *group)
{
    size_t most = 0;
    size_t collisions = 0;
    jw_object(w, NULL);
    jw_key(w, "group_nodes");
    write_cell(w, group);
    jw_object(w, "two_byte_map");
    for (size_t at = 0; at < group->count;) {
        const struct run run = next_run(group->first, group->count, at, 2);
        key_prefix(w, run.first[0]->key, 2);
        write_cell(w, &run);
        most = run.count > most ? run.count : most;
        collisions += run.count > 1;
        at += run.count;
    }
    jw_object_end(w);
    jw_uint(w, "max_collision", most > 1 ? most : 0);
    jw_uint(w, "collision_count", collisions);
    jw_object_end(w);
}

/* For every first byte what `write` says of the nodes behind it. */
static void write_first_bytes(struct json_write *w, const char *key, const struct relaying *r,
                              void (*write)(struct json_write *w, const struct run *run))
{
    size_t at = 0;
    jw_object(w, key);
    for (unsigned byte = 0; byte < FIRST_BYTES; byte++) {
        const struct run run = first_byte(r, &at, byte);
        key_prefix(w, (const uint8_t[]){(uint8_t)byte}, 1);
        write(w, &run);
    }
    jw_object_end(w);
}

/* ---------------------------------------------------------------------------------------------- */

static void write_inconsistent(struct json_write *w, const struct analytics_turn *turn,
                               const struct node *const *nodes, size_t count)
{
    jw_array(w, "inconsistent_nodes");
    for (size_t i = 0; i < count; i++) {
        const struct advert_facts *adverts = facts_adverts(&turn->facts, nodes[i]);
        if (adverts != NULL && adverts->is_inconsistent)
            write_node(w, turn, nodes[i]);
    }
    jw_array_end(w);
}

static void write_sizes(struct json_write *w, const struct relaying *r)
{
    static const char *const names[] = {"1", "2", "3"};
    jw_object(w, "by_size");
    for (size_t bytes = 1; bytes <= HOP_BYTES_MAX; bytes++) {
        jw_object(w, names[bytes - 1]);
        write_stats(w, r, bytes);
        write_collisions(w, r, bytes);
        if (bytes == 1)
            write_first_bytes(w, "one_byte_cells", r, write_cell);
        if (bytes == 2)
            write_first_bytes(w, "two_byte_cells", r, write_group);
        jw_object_end(w);
    }
    jw_object_end(w);
}

static bool compute(struct analytics_turn *turn, struct json_write *w)
{
    size_t count = 0;
    turn->from_ms = JW_UNKNOWN;
    if (turn->facts.adverts == NULL)
        return false;
    const struct node **nodes = places_nodes(turn, &count);
    if (nodes == NULL)
        return false;
    write_inconsistent(w, turn, nodes, count);
    struct relaying r = {turn, nodes, keep_relaying(nodes, count)};
    if (r.count > COLLISION_NODES) {
        qsort(r.nodes, r.count, sizeof(struct node *), by_heard);
        r.count = COLLISION_NODES;
        turn->is_complete = false;
    }
    qsort(r.nodes, r.count, sizeof(struct node *), by_key);
    write_sizes(w, &r);
    free(nodes);
    return true;
}

const struct http_parameter collisions_parameters[] = {ANALYTICS_AREA, ANALYTICS_REGION, {0}};
const struct analysis analysis_collisions = {.name = "hash-collisions",
                                             .compute = compute,
                                             .parameters = collisions_parameters,
                                             .is_of_memory = true};
