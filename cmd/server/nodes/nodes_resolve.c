/* SPDX-License-Identifier: MIT
 *
 * Which node the beginning of a key means: for one, and for the hops of a path. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/http/query.h"
#include "cmd/server/model/hops.h"
#include "cmd/server/nodes/node_find.h"
#include "common/base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_DIGITS_MIN 4
#define HOPS_MAX_ASKED    64
#define HOP_DIGITS_MAX    (2 * NODE_KEY_BYTES)

void nodes_ask_resolve(struct asking *asking, const struct http_request *request,
                       struct http_reply *reply)
{
    const struct directory *directory = asking_directory(asking);
    const char *prefix = http_query_text(request->query, "prefix");
    const struct node *node = NULL;
    size_t count = 0;
    struct json_write w;
    if (directory == NULL)
        return;
    if (prefix == NULL || strlen(prefix) < PREFIX_DIGITS_MIN ||
        !node_find(directory, prefix, &node, &count)) {
        http_reply_field_error(reply, 400, "prefix", "prefix must be 4 to 64 hex digits");
        return;
    }
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_string(&w, "prefix", prefix);
    if (count == 1) {
        jw_hex_lower(&w, "pubkey", node->key, sizeof node->key);
        jw_string(&w, "name", node->name);
    }
    jw_bool(&w, "ambiguous", count > 1);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* --- hops ------------------------------------------------------------------------------------- */

static void write_candidate(struct json_write *w, const struct node *node)
{
    jw_object(w, NULL);
    jw_string_or_null(w, "name", node->name);
    jw_hex_lower(w, "pubkey", node->key, sizeof node->key);
    node_role(w, "role", node);
    jw_real(w, "lat", node->lat);
    jw_real(w, "lon", node->lon);
    node_time(w, "last_heard", node->heard_ms);
    jw_object_end(w);
}

static void write_hop(struct json_write *w, const struct directory *directory, const char *text,
                      const uint8_t *hop, size_t size, int64_t now_ms)
{
    const struct node *candidates[HOPS_CANDIDATES_MAX];
    const size_t count = hops_candidates(directory, hop, size, candidates);
    const struct node *node = hops_node(directory, hop, size, now_ms);
    jw_key(w, text);
    jw_object(w, NULL);
    jw_string_or_null(w, "name", node != NULL ? node->name : "");
    if (node != NULL)
        jw_hex_lower(w, "pubkey", node->key, sizeof node->key);
    jw_bool(w, "ambiguous", node == NULL && count > 1);
    jw_array(w, "candidates");
    for (size_t i = 0; i < min_size(count, HOPS_CANDIDATES_MAX); i++)
        write_candidate(w, candidates[i]);
    jw_array_end(w);
    jw_array(w, "conflicts");
    jw_array_end(w);
    jw_object_end(w);
}

/* False: a hop that is none, or too many. */
static bool write_hops(struct json_write *w, const struct directory *directory, const char *list,
                       int64_t now_ms)
{
    size_t count = 0;
    while (*list != '\0') {
        char text[HOP_DIGITS_MAX + 1];
        uint8_t hop[NODE_KEY_BYTES];
        size_t size = 0;
        const size_t len = strcspn(list, ",");
        if (len > HOP_DIGITS_MAX || ++count > HOPS_MAX_ASKED)
            return false;
        (void)snprintf(text, sizeof text, "%.*s", (int)len, list);
        if (len > 0 && !hex_decode(text, len, hop, sizeof hop, &size))
            return false;
        if (len > 0)
            write_hop(w, directory, text, hop, size, now_ms);
        list += len;
        list += *list == ',';
    }
    return true;
}

void nodes_ask_resolve_hops(struct asking *asking, const struct http_request *request,
                            struct http_reply *reply)
{
    const struct directory *directory = asking_directory(asking);
    const char *list = http_query_text(request->query, "hops");
    struct json_write w;
    size_t len;
    if (directory == NULL)
        return;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_object(&w, "resolved");
    if (!write_hops(&w, directory, list != NULL ? list : "", asking->now / US_PER_MS)) {
        free(jw_take(&w, &len));
        http_reply_field_error(reply, 400, "hops",
                               "hops must be a list of at most 64 beginnings of keys, in pairs of "
                               "hex digits");
        return;
    }
    jw_object_end(&w);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}
