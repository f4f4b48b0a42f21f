/* SPDX-License-Identifier: MIT
 *
 * What goes over a node: the paths, and the places at which it stands in them. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/http/query.h"
#include "cmd/server/model/hops.h"
#include "cmd/server/model/packet_read.h"
#include "cmd/server/nodes/node_find.h"
#include "cmd/server/tally/tally_paths.h"

#include <math.h>
#include <stdlib.h>

#define TYPES         16 /* four bits */
#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200

/* A node of the path, and the hops that mean it. */
struct target {
    const struct facts *facts;
    const struct node *node;
    uint32_t hops[HOP_BYTES_MAX];
    size_t hop_count;
};

static struct target target_of(const struct facts *facts, const struct node *node)
{
    struct target target = {.facts = facts, .node = node};
    target.hop_count = facts_hops(facts, node, target.hops);
    return target;
}

/* --- paths ------------------------------------------------------------------------------------ */

static bool is_over(const struct target *target, const struct path_count *path)
{
    for (size_t i = 0; i < target->hop_count; i++)
        if (tally_path_has(summary_paths(target->facts->summary), path, target->hops[i]))
            return true;
    return false;
}

static int by_receptions(const void *a, const void *b)
{
    const struct path_count *x = *(const struct path_count *const *)a;
    const struct path_count *y = *(const struct path_count *const *)b;
    if (x->receptions != y->receptions)
        return x->receptions < y->receptions ? 1 : -1;
    if (x->last_ms != y->last_ms)
        return x->last_ms < y->last_ms ? 1 : -1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* All that go over it, the most travelled first; free() them. NULL = no memory. */
static const struct path_count **find_paths(const struct target *target, size_t *out_count)
{
    const struct tally_paths *paths = summary_paths(target->facts->summary);
    const size_t all = tally_paths_count(paths);
    const struct path_count **found = malloc((all + 1) * sizeof(struct path_count *));
    size_t count = 0;
    if (found == NULL)
        return NULL;
    for (size_t i = 0; i < all; i++)
        if (is_over(target, tally_paths_at(paths, i)))
            found[count++] = tally_paths_at(paths, i);
    qsort(found, count, sizeof(struct path_count *), by_receptions);
    *out_count = count;
    return found;
}

static void write_hop(struct json_write *w, const struct directory *directory, const uint8_t *hop,
                      size_t size, int64_t at_ms)
{
    const struct node *candidates[HOPS_CANDIDATES_MAX];
    const struct node *node = hops_node(directory, hop, size, at_ms);
    jw_object(w, NULL);
    jw_hex_upper(w, "prefix", hop, size);
    if (node != NULL && *node->name != '\0')
        jw_string(w, "name", node->name);
    else
        jw_hex_upper(w, "name", hop, size);
    if (node != NULL)
        jw_hex_lower(w, "pubkey", node->key, sizeof node->key);
    else
        jw_null(w, "pubkey");
    jw_real(w, "lat", node != NULL ? node->lat : (double)NAN);
    jw_real(w, "lon", node != NULL ? node->lon : (double)NAN);
    if (node == NULL && hops_candidates(directory, hop, size, candidates) > 1)
        jw_bool(w, "ambiguous", true);
    jw_object_end(w);
}

static void write_path(struct json_write *w, const struct target *target,
                       const struct path_count *path)
{
    const struct facts *facts = target->facts;
    const uint8_t *bytes = tally_path_bytes(summary_paths(facts->summary), path);
    uint8_t hash[MESHCORE_HASH_BYTES];
    jw_object(w, NULL);
    jw_array(w, "hops");
    for (size_t i = 0; i < path->hop_count; i++)
        write_hop(w, facts->directory, bytes + i * path->hop_bytes, path->hop_bytes, path->last_ms);
    jw_array_end(w);
    jw_uint(w, "count", path->receptions);
    node_time(w, "lastSeen", path->last_ms);
    if (packet_sample_hash(facts->asking, path->sample_id, hash))
        jw_hex_lower(w, "sampleHash", hash, sizeof hash);
    jw_object_end(w);
}

static void answer_paths(const struct facts *facts, const struct node *node,
                         const struct http_request *request, struct http_reply *reply)
{
    const size_t limit = http_query_limit(request->query, "limit", LIMIT_DEFAULT, LIMIT_MAX);
    const struct target target = target_of(facts, node);
    struct relays relays;
    struct json_write w;
    size_t count = 0;
    const struct path_count **paths = find_paths(&target, &count);
    if (paths == NULL)
        return;
    IGNORE(facts_relays(facts, node, &relays), "the summary is there");
    reply->kept_s = FACTS_KEPT_S;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    node_write(&w, "node", facts, node);
    jw_array(&w, "paths");
    for (size_t i = 0; i < min_size(count, limit); i++)
        write_path(&w, &target, paths[i]);
    jw_array_end(&w);
    jw_uint(&w, "totalPaths", count);
    jw_uint(&w, "totalTransmissions", relays.packets_day);
    window_write(&w, facts->summary, 1U << TALLY_paths | 1U << TALLY_hops);
    jw_object_end(&w);
    http_reply_json(reply, &w);
    free(paths);
}

void nodes_ask_paths(struct asking *asking, const struct http_request *request,
                     struct http_reply *reply)
{
    node_ask(asking, request, reply, true, answer_paths);
}

/* --- places ----------------------------------------------------------------------------------- */

struct places {
    uint32_t packets[TYPES][2][MESHCORE_PATH_MAX]; /* type, scoped, place */
};

static void count_places(const struct target *target, struct places *out)
{
    const struct tally_hops *hops = summary_hops(target->facts->summary);
    for (size_t i = 0; i < tally_hop_places(hops); i++) {
        const struct hop_place *place = tally_hop_place_at(hops, i);
        for (size_t j = 0; j < target->hop_count; j++)
            if (place->hop == target->hops[j] && place->type < TYPES &&
                place->place < MESHCORE_PATH_MAX)
                out->packets[place->type][place->is_scoped][place->place] += place->packets;
    }
}

static bool is_any(const uint32_t packets[static MESHCORE_PATH_MAX])
{
    for (size_t i = 0; i < MESHCORE_PATH_MAX; i++)
        if (packets[i] != 0)
            return true;
    return false;
}

static void write_places(struct json_write *w, unsigned type, bool is_scoped,
                         const uint32_t packets[static MESHCORE_PATH_MAX])
{
    if (!is_any(packets))
        return;
    jw_object(w, NULL);
    jw_uint(w, "payload_type", type);
    jw_bool(w, "scoped", is_scoped);
    jw_array(w, "hops");
    for (size_t i = 0; i < MESHCORE_PATH_MAX; i++) {
        if (packets[i] == 0)
            continue;
        jw_object(w, NULL);
        jw_uint(w, "hops", i);
        jw_uint(w, "count", packets[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
}

static void answer_places(const struct facts *facts, const struct node *node,
                          const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    const struct target target = target_of(facts, node);
    struct places *places = calloc(1, sizeof *places);
    struct json_write w;
    if (places == NULL)
        return;
    count_places(&target, places);
    reply->kept_s = FACTS_KEPT_S;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_hex_lower(&w, "pubkey", node->key, sizeof node->key);
    jw_int(&w, "days", 1);
    window_write(&w, facts->summary, 1U << TALLY_hops);
    jw_array(&w, "byType");
    for (unsigned type = 0; type < TYPES; type++)
        for (int scoped = 0; scoped < 2; scoped++)
            write_places(&w, type, scoped != 0, places->packets[type][scoped]);
    jw_array_end(&w);
    jw_object_end(&w);
    http_reply_json(reply, &w);
    free(places);
}

void nodes_ask_hop_analytics(struct asking *asking, const struct http_request *request,
                             struct http_reply *reply)
{
    node_ask(asking, request, reply, true, answer_places);
}
