/* SPDX-License-Identifier: MIT
 *
 * Which nodes the hops of a path may be (beam.h), with what speaks for it.
 *
 * speculative: the path scores less than SURE. edgeWeight: the score of the link to the node before
 * (1 at the first hop). alternatives: other nodes that the hop may be, scored at this place. */
#include "cmd/server/paths/paths.h"

#include "cmd/server/analytics/analytics.h"
#include "cmd/server/http/request.h"
#include "cmd/server/paths/beam.h"
#include "cmd/server/paths/gather.h"
#include "cmd/server/paths/newest_links.h"
#include "common/base/hex.h"
#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

#define BODY_DEPTH_MAX     4
#define SURE               0.7
#define LIMIT_DEFAULT      10
#define ALTERNATIVES_SHOWN 5

struct inspection {
    const struct directory *directory;
    uint8_t hops[BEAM_HOPS_MAX][HOP_BYTES_MAX];
    size_t hop_bytes, hop_count, limit;
    struct beam beam;
};

/* --- the question ----------------------------------------------------------------------------- */

static const char *read_hop(struct inspection *in, const cJSON *item)
{
    const char *text = cJSON_IsString(item) ? item->valuestring : "";
    const size_t len = strlen(text);
    size_t size = 0;
    if (in->hop_count == BEAM_HOPS_MAX)
        return "prefixes: at most 64";
    if (len == 0 || len > 2 * (size_t)HOP_BYTES_MAX ||
        !hex_decode(text, len, in->hops[in->hop_count], HOP_BYTES_MAX, &size))
        return "prefixes must be 1 to 3 bytes in hex each";
    if (in->hop_count > 0 && size != in->hop_bytes)
        return "prefixes must be of one length";
    in->hop_bytes = size;
    in->hop_count++;
    return NULL;
}

/* NULL = read; else what is wrong. */
static const char *read_body(struct inspection *in, const struct http_request *request)
{
    cJSON *root = json_parse(request->body, request->body_len, BODY_DEPTH_MAX);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "prefixes");
    const cJSON *item;
    const char *wrong = cJSON_IsArray(list) && cJSON_GetArraySize(list) > 0
                            ? NULL
                            : "the body must be {\"prefixes\": [hops in hex]}";
    double limit = LIMIT_DEFAULT;
    for (item = wrong == NULL ? list->child : NULL; item != NULL && wrong == NULL;
         item = item->next)
        wrong = read_hop(in, item);
    IGNORE(json_number(root, "limit", &limit), "LIMIT_DEFAULT");
    in->limit = limit >= 1 && limit <= BEAM_WIDTH ? (size_t)limit : LIMIT_DEFAULT;
    cJSON_Delete(root);
    return wrong;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void write_name(struct json_write *w, const struct node *node)
{
    char key[2 * NODE_KEY_BYTES + 1];
    hex_encode_lower(node->key, sizeof node->key, key);
    key[8] = '\0';
    jw_string(w, "name", *node->name != '\0' ? node->name : key);
}

struct alternative {
    size_t number;
    double score;
};

static int by_score(const void *a, const void *b)
{
    const struct alternative *x = a;
    const struct alternative *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->number > y->number) - (x->number < y->number);
}

static void write_alternatives(struct json_write *w, const struct inspection *in, size_t hop,
                               size_t chosen, const struct node *before)
{
    struct alternative all[HOPS_CANDIDATES_MAX];
    const struct beam_hop *of = &in->beam.hops[hop];
    size_t count = 0;
    for (size_t i = 0; i < of->count; i++)
        if (i != chosen)
            all[count++] = (struct alternative){i, beam_step(&in->beam, hop, i, before, NULL)};
    if (count > 0)
        qsort(all, count, sizeof *all, by_score);
    jw_array(w, "alternatives");
    for (size_t i = 0; i < min_size(count, ALTERNATIVES_SHOWN); i++) {
        const struct node *node = of->candidates[all[i].number];
        jw_object(w, NULL);
        jw_hex_lower(w, "publicKey", node->key, sizeof node->key);
        write_name(w, node);
        jw_rounded(w, "score", all[i].score, 3);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_evidence(struct json_write *w, const struct inspection *in,
                           const struct beam_path *path)
{
    const struct node *before = NULL;
    jw_object(w, "evidence");
    jw_array(w, "perHop");
    for (size_t hop = 0; hop < in->hop_count; hop++) {
        const struct node *node = in->beam.hops[hop].candidates[path->chosen[hop]];
        double edge;
        (void)beam_step(&in->beam, hop, path->chosen[hop], before, &edge);
        jw_object(w, NULL);
        jw_hex_upper(w, "prefix", in->hops[hop], in->hop_bytes);
        jw_uint(w, "candidatesConsidered", in->beam.hops[hop].count);
        jw_hex_lower(w, "chosen", node->key, sizeof node->key);
        jw_rounded(w, "edgeWeight", edge, 3);
        write_alternatives(w, in, hop, path->chosen[hop], before);
        jw_object_end(w);
        before = node;
    }
    jw_array_end(w);
    jw_object_end(w);
}

static void write_candidate(struct json_write *w, const struct inspection *in,
                            const struct beam_path *path)
{
    const double score = beam_score(&in->beam, path);
    jw_object(w, NULL);
    jw_array(w, "path");
    for (size_t hop = 0; hop < in->hop_count; hop++) {
        const struct node *node = in->beam.hops[hop].candidates[path->chosen[hop]];
        jw_hex_lower(w, NULL, node->key, sizeof node->key);
    }
    jw_array_end(w);
    jw_array(w, "names");
    for (size_t hop = 0; hop < in->hop_count; hop++) {
        const struct node *node = in->beam.hops[hop].candidates[path->chosen[hop]];
        jw_string(w, NULL, node->name);
    }
    jw_array_end(w);
    jw_rounded(w, "score", score, 3);
    jw_bool(w, "speculative", score < SURE);
    write_evidence(w, in, path);
    jw_object_end(w);
}

static void write_inspection(struct json_write *w, const struct inspection *in, mono_us took)
{
    jw_object(w, NULL);
    jw_object(w, "input");
    jw_array(w, "prefixes");
    for (size_t hop = 0; hop < in->hop_count; hop++)
        jw_hex_upper(w, NULL, in->hops[hop], in->hop_bytes);
    jw_array_end(w);
    jw_uint(w, "hops", in->hop_count);
    jw_object_end(w);
    jw_array(w, "candidates");
    for (size_t i = 0; i < min_size(in->beam.path_count, in->limit); i++)
        write_candidate(w, in, &in->beam.paths[i]);
    jw_array_end(w);
    jw_object(w, "stats");
    jw_uint(w, "beamWidth", BEAM_WIDTH);
    jw_uint(w, "expansionsRun", in->beam.expansions);
    jw_decimal(w, "elapsedMs", took, 3);
    jw_object_end(w);
    const struct links *links = in->beam.links;
    analytics_write_tail(w, links->to_ms, links->from_ms, links->to_ms, links->is_complete);
    jw_object_end(w);
}

/* ---------------------------------------------------------------------------------------------- */

static void find_candidates(struct inspection *in)
{
    for (size_t hop = 0; hop < in->hop_count; hop++) {
        struct beam_hop *of = &in->beam.hops[hop];
        of->count =
            min_size(hops_candidates(in->directory, in->hops[hop], in->hop_bytes, of->candidates),
                     HOPS_CANDIDATES_MAX);
    }
}

static void answer(struct inspection *in, struct http_reply *reply)
{
    const mono_us began = clock_mono();
    struct json_write w;
    in->beam.hop_count = in->hop_count;
    in->beam.hops = calloc(in->hop_count + 1, sizeof *in->beam.hops);
    if (in->beam.hops == NULL)
        return;
    find_candidates(in);
    if (beam_search(&in->beam)) {
        jw_grow(&w, HTTP_ANSWER_MAX);
        write_inspection(&w, in, clock_mono() - began);
        http_reply_json(reply, &w);
    }
    free(in->beam.hops);
}

void paths_ask_inspect(struct asking *asking, const struct http_request *request,
                       struct http_reply *reply)
{
    struct inspection *in = calloc(1, sizeof *in);
    if (in == NULL)
        return;
    const char *wrong = read_body(in, request);
    if (wrong != NULL)
        http_reply_field_error(reply, 400, "prefixes", wrong);
    else if ((in->directory = asking_directory(asking)) != NULL &&
             (in->beam.links = newest_links_take(asking, reply)) != NULL)
        answer(in, reply);
    links_unref(in->beam.links);
    free(in);
}
