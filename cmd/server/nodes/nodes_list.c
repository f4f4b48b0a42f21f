/* SPDX-License-Identifier: MIT
 *
 * The nodes as a list, as the contacts of a companion, and by a few letters of a name. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/http/query.h"
#include "cmd/server/nodes/node_filter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     2000
#define OFFSET_MAX    1000000
#define SEARCH_MAX    10

/* Of all nodes, whatever is asked for. */
static void write_counts(struct json_write *w, const struct directory *directory)
{
    int64_t counts[MESHCORE_ROLE_SENSOR + 1] = {0};
    for (size_t i = 0; i < directory->node_count; i++) {
        const struct node *node = &directory->nodes[i];
        if (!node->is_hidden && node->role >= 0 && node->role <= MESHCORE_ROLE_SENSOR)
            counts[node->role]++;
    }
    jw_object(w, "counts");
    jw_int(w, "repeaters", counts[MESHCORE_ROLE_REPEATER]);
    jw_int(w, "rooms", counts[MESHCORE_ROLE_ROOM]);
    jw_int(w, "companions", counts[MESHCORE_ROLE_COMPANION]);
    jw_int(w, "sensors", counts[MESHCORE_ROLE_SENSOR]);
    jw_object_end(w);
}

struct page {
    const struct node **nodes;
    size_t first, end, total;
};

static void write_list(struct http_reply *reply, const struct facts *facts, const struct page *page)
{
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_array(&w, "nodes");
    for (size_t i = page->first; i < page->end; i++)
        node_write(&w, NULL, facts, page->nodes[i]);
    jw_array_end(&w);
    jw_uint(&w, "total", page->total);
    write_counts(&w, facts->directory);
    if (facts->summary != NULL)
        window_write(&w, facts->summary, 1U << TALLY_hops);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* --- contacts --------------------------------------------------------------------------------- */

/* What a companion can have as a contact: somebody with a name who said what it is. */
static bool is_contact(const struct node *node)
{
    return *node->name != '\0' && node->role >= MESHCORE_ROLE_COMPANION &&
           node->role <= MESHCORE_ROLE_SENSOR;
}

/* The app reads degrees as a text; "0.0" is its own way to say unknown. */
static void write_degrees(struct json_write *w, const char *key, double degrees)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.6f", degrees);
    jw_string(w, key, isnan(degrees) ? "0.0" : text);
}

static void write_contact(struct json_write *w, const struct node *node)
{
    const int64_t modified_ms =
        node->advert_ms != DIRECTORY_NEVER ? node->advert_ms : node->first_ms;
    jw_object(w, NULL);
    jw_int(w, "type", node->role);
    jw_string(w, "name", node->name);
    jw_null(w, "custom_name");
    jw_hex_lower(w, "public_key", node->key, sizeof node->key);
    jw_int(w, "flags", 0);
    write_degrees(w, "latitude", node->lat);
    write_degrees(w, "longitude", node->lon);
    jw_int(w, "last_advert", node->advert_time);
    jw_int(w, "last_modified", modified_ms / MS_PER_S);
    jw_null(w, "out_path_list");
    jw_object_end(w);
}

static void write_contacts(struct http_reply *reply, const struct page *page)
{
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_array(&w, "contacts");
    for (size_t i = page->first; i < page->end; i++)
        write_contact(&w, page->nodes[i]);
    jw_array_end(&w);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

/* Only contacts stay, in their order. */
static size_t keep_contacts(const struct node **nodes, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (is_contact(nodes[i]))
            nodes[kept++] = nodes[i];
    return kept;
}

/* --- the routes ------------------------------------------------------------------------------- */

static void answer_list(const struct facts *facts, const struct http_request *request,
                        bool is_contacts, struct http_reply *reply)
{
    struct node_filter filter;
    struct page page = {0};
    if (!node_filter_read(request->query, facts, &filter, reply))
        return;
    page.nodes = node_filter_run(&filter, facts, &page.total);
    if (page.nodes == NULL)
        return;
    if (is_contacts)
        page.total = keep_contacts(page.nodes, page.total);
    page.first = min_size(http_query_offset(request->query, "offset", OFFSET_MAX), page.total);
    page.end =
        min_size(page.first + http_query_limit(request->query, "limit",
                                               is_contacts ? LIMIT_MAX : LIMIT_DEFAULT, LIMIT_MAX),
                 page.total);
    if (is_contacts)
        write_contacts(reply, &page);
    else
        write_list(reply, facts, &page);
    free(page.nodes);
}

void nodes_ask_list(struct asking *asking, const struct http_request *request,
                    struct http_reply *reply)
{
    struct facts facts;
    const char *format = http_query_text(request->query, "format");
    const bool is_contacts = format != NULL && strcmp(format, "contacts") == 0;
    if (format != NULL && *format != '\0' && !is_contacts && strcmp(format, "json") != 0) {
        http_reply_field_error(reply, 400, "format",
                               "format must be json, contacts, ndjson or csv");
        return;
    }
    if (!facts_begin(&facts, asking))
        return;
    answer_list(&facts, request, is_contacts, reply);
    facts_end(&facts);
}

/* Those heard last first. */
static void write_found(struct json_write *w, const struct facts *facts, const char *text)
{
    const struct node_filter all = {.before_ms = INT64_MAX, .heard_since_ms = INT64_MIN};
    size_t count = 0;
    size_t shown = 0;
    const struct node **nodes = node_filter_run(&all, facts, &count);
    for (size_t i = 0; nodes != NULL && i < count && shown < SEARCH_MAX; i++) {
        if (!node_is_sought(nodes[i], text))
            continue;
        node_write(w, NULL, facts, nodes[i]);
        shown++;
    }
    free(nodes);
}

void nodes_ask_search(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply)
{
    struct facts facts;
    struct json_write w;
    const char *text = http_query_text(request->query, "q");
    if (!facts_begin(&facts, asking))
        return;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_array(&w, "nodes");
    if (text != NULL && *text != '\0')
        write_found(&w, &facts, text);
    jw_array_end(&w);
    jw_object_end(&w);
    http_reply_json(reply, &w);
    facts_end(&facts);
}
