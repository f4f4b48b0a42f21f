/* SPDX-License-Identifier: MIT */
#include "cmd/server/nodes/node_filter.h"

#include "cmd/server/http/query.h"
#include "cmd/server/http/request.h"
#include "cmd/server/nodes/heard_in.h"
#include "common/base/hex.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_role(const char *text)
{
    static const char *const names[] = {
#define X(number, id, name) name,
        MESHCORE_ROLE_LIST(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0)
            return true;
    return strncmp(text, "type-", 5) == 0 && text[5] != '\0' &&
           strspn(text + 5, "0123456789") == strlen(text + 5);
}

static int64_t heard_since(const char *text, int64_t now_ms)
{
    static const struct {
        const char *name;
        int64_t hours;
    } ages[] = {{"1h", 1}, {"6h", 6}, {"24h", 24}, {"7d", 7 * 24}, {"30d", 30 * 24}};
    for (size_t i = 0; text != NULL && i < ARRAY_LEN(ages); i++)
        if (strcmp(text, ages[i].name) == 0)
            return now_ms - ages[i].hours * MS_PER_HOUR;
    return INT64_MIN;
}

static enum node_order order_of(const char *text)
{
    return text == NULL                       ? NODE_BY_HEARD
           : strcmp(text, "name") == 0        ? NODE_BY_NAME
           : strcmp(text, "packetCount") == 0 ? NODE_BY_ADVERTS
                                              : NODE_BY_HEARD;
}

/* A value that is not empty, or NULL. */
static const char *given(const struct http_query *query, const char *name)
{
    const char *text = http_query_text(query, name);
    return text != NULL && *text != '\0' ? text : NULL;
}

/* False: it is neither. */
static bool read_scoped(const char *text, enum node_scoped *out)
{
    if (text == NULL)
        return true;
    *out = strcmp(text, "true") == 0 ? NODE_SCOPED : NODE_NOT_SCOPED;
    return *out == NODE_SCOPED || strcmp(text, "false") == 0;
}

/* NULL = any: none was given, or one that is not configured. */
static const struct geo_area *area_of(const struct config *config, const char *key)
{
    const struct config_area *area = key != NULL ? config_find_area(config, key) : NULL;
    return area != NULL ? &area->shape : NULL;
}

bool node_filter_read_places(const struct http_query *query, const struct facts *facts,
                             struct node_filter *out, struct http_reply *reply)
{
    bool is_any;
    (void)regions_name(http_query_text(query, "region"), "", &is_any);
    *out = (struct node_filter){
        .before_ms = INT64_MAX,
        .heard_since_ms = INT64_MIN,
        .area = area_of(facts->asking->config, given(query, "area")),
        .query = is_any ? NULL : query,
    };
    if (!is_any && facts->summary == NULL)
        http_reply_error(reply, 503, "the last 24 hours are being counted: ask again");
    return is_any || facts->summary != NULL;
}

bool node_filter_read(const struct http_query *query, const struct facts *facts,
                      struct node_filter *out, struct http_reply *reply)
{
    if (!node_filter_read_places(query, facts, out, reply))
        return false;
    out->role = given(query, "role");
    out->search = given(query, "search");
    out->heard_since_ms = heard_since(http_query_text(query, "lastHeard"), facts->now_ms);
    out->hash_region = given(query, "hashRegion");
    out->order = order_of(http_query_text(query, "sortBy"));
    const char *field = NULL;
    const char *fault = NULL;
    if (out->role != NULL && !is_role(out->role)) {
        field = "role";
        fault = "role must be repeater, companion, room, sensor, none or type-N";
    } else if (!http_query_time(query, "before", &out->before_ms)) {
        field = "before";
        fault = "before must be RFC 3339, unix seconds or milliseconds";
    } else if (!read_scoped(given(query, "hasScope"), &out->scoped)) {
        field = "hasScope";
        fault = "hasScope must be true or false";
    }
    if (field != NULL)
        http_reply_field_error(reply, 400, field, fault);
    return field == NULL;
}

/* --- matching --------------------------------------------------------------------------------- */

static bool text_has(const char *text, const char *part)
{
    const size_t len = strlen(part);
    for (; strlen(text) >= len; text++) {
        if (strncasecmp(text, part, len) == 0)
            return true;
        if (*text == '\0')
            return false;
    }
    return false;
}

bool node_is_sought(const struct node *node, const char *text)
{
    char key[2 * NODE_KEY_BYTES + 1];
    if (text_has(node->name, text))
        return true;
    hex_encode_lower(node->key, sizeof node->key, key);
    return strncasecmp(key, text, strlen(text)) == 0;
}

static bool has_role(const struct node *node, const char *role)
{
    char name[16];
    return node->role >= 0 && strcmp(meshcore_role_name((unsigned)node->role, name), role) == 0;
}

static bool is_in(const struct node *node, const struct geo_area *area)
{
    return node_is_placed(node) && geo_contains(area, node->lat, node->lon);
}

static bool has_scopes(const struct node_filter *filter, const struct facts *facts,
                       const struct node *node)
{
    if (filter->scoped == NODE_SCOPED_ANY && filter->hash_region == NULL)
        return true;
    const char *scopes = facts_configured_scopes(facts, node, NULL);
    if (scopes == NULL)
        return false;
    if (filter->scoped != NODE_SCOPED_ANY &&
        facts_scopes_any(scopes) != (filter->scoped == NODE_SCOPED))
        return false;
    return filter->hash_region == NULL || facts_scopes_have(scopes, filter->hash_region);
}

bool node_filter_matches(const struct node_filter *filter, const struct facts *facts,
                         const struct node *node)
{
    return !node->is_hidden && node->first_ms <= filter->before_ms &&
           node->heard_ms >= filter->heard_since_ms &&
           (filter->role == NULL || has_role(node, filter->role)) &&
           (filter->search == NULL || node_is_sought(node, filter->search)) &&
           (filter->area == NULL || is_in(node, filter->area)) && has_scopes(filter, facts, node);
}

/* --- order ------------------------------------------------------------------------------------ */

static int by_key(const struct node *a, const struct node *b)
{
    return memcmp(a->key, b->key, sizeof a->key);
}

static int by_heard(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a;
    const struct node *y = *(const struct node *const *)b;
    if (x->heard_ms != y->heard_ms)
        return x->heard_ms < y->heard_ms ? 1 : -1;
    return by_key(x, y);
}

/* Those without a name last. */
static int by_name(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a;
    const struct node *y = *(const struct node *const *)b;
    const bool is_named[2] = {*x->name != '\0', *y->name != '\0'};
    if (is_named[0] != is_named[1])
        return is_named[0] ? -1 : 1;
    const int order = strcasecmp(x->name, y->name);
    return order != 0 ? order : by_key(x, y);
}

static int by_adverts(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a;
    const struct node *y = *(const struct node *const *)b;
    if (x->advert_count != y->advert_count)
        return x->advert_count < y->advert_count ? 1 : -1;
    return by_key(x, y);
}

static bool find_heard(const struct facts *facts, const struct http_query *query,
                       struct heard_in *out)
{
    struct regions regions;
    const bool is_found =
        regions_read(&regions, facts->asking, query) && heard_in_find(facts, &regions, out);
    regions_done(&regions);
    return is_found;
}

static int by_id(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a;
    const struct node *y = *(const struct node *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

const struct node **node_filter_run(const struct node_filter *filter, const struct facts *facts,
                                    size_t *out_count)
{
    static int (*const orders[])(const void *, const void *) = {[NODE_BY_HEARD] = by_heard,
                                                                [NODE_BY_NAME] = by_name,
                                                                [NODE_BY_ADVERTS] = by_adverts,
                                                                [NODE_BY_ID] = by_id};
    const struct directory *directory = facts->directory;
    struct heard_in heard = {0};
    size_t count = 0;
    if (filter->query != NULL && !find_heard(facts, filter->query, &heard))
        return NULL;
    const struct node **found = malloc((directory->node_count + 1) * sizeof(struct node *));
    for (size_t i = 0; found != NULL && i < directory->node_count; i++) {
        const struct node *node = &directory->nodes[i];
        if (node_filter_matches(filter, facts, node) &&
            (filter->query == NULL || heard_in_has(&heard, node)))
            found[count++] = node;
    }
    heard_in_done(&heard);
    if (found == NULL)
        return NULL;
    qsort(found, count, sizeof(struct node *), orders[filter->order]);
    *out_count = count;
    return found;
}
