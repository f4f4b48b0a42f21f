/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/filter.h"

#include "cmd/server/model/asking.h"
#include "common/base/geo.h"
#include "common/base/hex.h"
#include "common/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX 15 /* a type; routes end at 3 */
#define ROUTE_MAX  3

#define SHORT_KEY_MIN 8
#define KEY_DIGITS    ((size_t)2 * MESHCORE_KEY_BYTES)

static const char SQL_CHANNEL[] = "SELECT id FROM channels WHERE name = ?1";

struct reading {
    struct filter *filter;
    struct asking *asking;
    const struct http_query *query;
    struct http_reply *reply;
};

static bool refuse(struct reading *r, const char *field, const char *why)
{
    http_reply_field_error(r->reply, 400, field, why);
    return false;
}

static bool no_memory(struct reading *r)
{
    http_reply_error(r->reply, 503, "out of memory");
    return false;
}

/* NULL = not given, which an empty text is as well. */
static const char *given(const struct reading *r, const char *name)
{
    const char *text = http_query_text(r->query, name);
    return text != NULL && *text != '\0' ? text : NULL;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* The next element between commas, without the blanks around it; NULL = there is none. */
static const char *next_word(const char **at, size_t *out_len)
{
    while (**at == ',' || **at == ' ')
        ++*at;
    if (**at == '\0')
        return NULL;
    const char *word = *at;
    size_t len = strcspn(word, ",");
    *at += len;
    while (len > 0 && word[len - 1] == ' ')
        len--;
    *out_len = len;
    return word;
}

static bool is_word(const char *text, const char *word, size_t len)
{
    return strncasecmp(text, word, len) == 0 && text[len] == '\0';
}

/* --- numbers, times, hash --------------------------------------------------------------------- */

static bool read_number(struct reading *r, const char *name, int max, int *out)
{
    const char *text = given(r, name);
    *out = -1;
    if (text == NULL)
        return true;
    char *end;
    const long value = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value > max)
        return refuse(r, name,
                      max == ROUTE_MAX ? "a route is a number from 0 to 3"
                                       : "a type is a number from 0 to 15");
    *out = (int)value;
    return true;
}

static bool read_times(struct reading *r)
{
    static const char why[] = "a moment is RFC 3339, unix seconds or unix milliseconds";
    r->filter->since_ms = INT64_MIN;
    r->filter->until_ms = INT64_MAX;
    if (!http_query_time(r->query, "since", &r->filter->since_ms))
        return refuse(r, "since", why);
    if (!http_query_time(r->query, "until", &r->filter->until_ms))
        return refuse(r, "until", why);
    return true;
}

static void read_hash(struct reading *r)
{
    const char *text = given(r, "hash");
    size_t len = 0;
    if (text == NULL)
        return;
    r->filter->has_hash = true;
    if (!hex_decode(text, strlen(text), r->filter->hash, MESHCORE_HASH_BYTES, &len) ||
        len != MESHCORE_HASH_BYTES)
        r->filter->is_nothing = true;
}

static void read_channel(struct reading *r)
{
    const char *name = given(r, "channel");
    r->filter->channel = name;
    if (r->asking->model->engine != NULL)
        return; /* it goes by names */
    struct statement *find = name != NULL ? reader_statement(r->asking->reader, SQL_CHANNEL) : NULL;
    if (find == NULL)
        return;
    bind_text(find, 1, name);
    int64_t id;
    if (statement_number(find, &id) == STATUS_OK)
        r->filter->channel_id = id;
    else
        r->filter->is_nothing = true;
}

/* --- observers -------------------------------------------------------------------------------- */

/* Of any of these regions; "all" and none are no condition. */
static bool is_in_regions(const struct observer *observer, const char *regions, bool *out_is_all)
{
    size_t len = 0;
    bool is_in = false;
    *out_is_all = true;
    for (const char *word; (word = next_word(&regions, &len)) != NULL;) {
        if (is_word("all", word, len))
            continue;
        *out_is_all = false;
        is_in = is_in || is_word(observer->iata, word, len);
    }
    return is_in;
}

/* The first digits of a key, as lists show it: so many that they are no name. */
static bool is_short_key(const char *word, size_t len)
{
    size_t digits = 0;
    while (digits < len && hex_digit(word[digits]) >= 0)
        digits++;
    return digits == len && len >= SHORT_KEY_MIN && len < KEY_DIGITS;
}

static bool is_listed(const struct observer *observer, const char *identities)
{
    size_t len = 0;
    for (const char *word; (word = next_word(&identities, &len)) != NULL;) {
        if (is_word(observer->identity, word, len) ||
            (is_short_key(word, len) && strlen(observer->identity) == KEY_DIGITS &&
             strncasecmp(observer->identity, word, len) == 0))
            return true;
    }
    return false;
}

static bool read_observers(struct reading *r, const struct directory *directory)
{
    const char *identities = given(r, "observer");
    const char *regions = given(r, "region");
    struct filter *filter = r->filter;
    bool is_all = true;
    if (regions != NULL)
        (void)is_in_regions(&(struct observer){.iata = ""}, regions, &is_all);
    if (identities == NULL && is_all)
        return true;
    filter->has_observers = true;
    filter->observers = malloc((directory->observer_count + 1) * sizeof *filter->observers);
    if (filter->observers == NULL)
        return no_memory(r);
    for (size_t i = 0; i < directory->observer_count; i++) { /* ascending by id */
        const struct observer *observer = &directory->observers[i];
        if ((identities == NULL || is_listed(observer, identities)) &&
            (is_all || is_in_regions(observer, regions, &is_all)))
            filter->observers[filter->observer_count++] = observer->id;
    }
    filter->is_nothing |= filter->observer_count == 0;
    return true;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void add_node(struct filter_nodes *nodes, const struct directory *directory,
                     const struct node *node)
{
    if (nodes->count == FILTER_NODES_MAX || node->is_hidden)
        return;
    struct filter_node *added = &nodes->nodes[nodes->count++];
    *added = (struct filter_node){.id = node->id};
    memcpy(added->key, node->key, sizeof added->key);
    for (size_t size = 1; size < ARRAY_LEN(added->is_named_by); size++) {
        const struct node *const *first;
        added->is_named_by[size] = directory_prefix(directory, node->key, size, &first) == 1;
        nodes->are_relays |= added->is_named_by[size];
    }
}

/* A whole key. */
static const struct node *find_key(const struct directory *directory, const char *text, size_t len)
{
    uint8_t key[MESHCORE_KEY_BYTES];
    size_t bytes = 0;
    const struct node *const *first;
    if (!hex_decode(text, len, key, sizeof key, &bytes) || bytes != sizeof key)
        return NULL;
    return directory_prefix(directory, key, sizeof key, &first) == 1 ? first[0] : NULL;
}

/* All that begin so; of an odd count the last digit is half a byte. */
static void add_short_key(struct filter_nodes *nodes, const struct directory *directory,
                          const char *text, size_t len)
{
    uint8_t key[MESHCORE_KEY_BYTES];
    size_t bytes = 0;
    const struct node *const *first;
    if (!is_short_key(text, len) || !hex_decode(text, len - len % 2, key, sizeof key, &bytes))
        return;
    const size_t count = directory_prefix(directory, key, bytes, &first);
    for (size_t i = 0; i < count; i++) {
        if (len % 2 == 0 || first[i]->key[bytes] >> 4 == hex_digit(text[len - 1]))
            add_node(nodes, directory, first[i]);
    }
}

static void read_node(struct reading *r, const struct directory *directory)
{
    const char *text = given(r, "node");
    if (text == NULL)
        return;
    const struct node *by_key = find_key(directory, text, strlen(text));
    if (by_key != NULL)
        add_node(&r->filter->node, directory, by_key);
    for (size_t i = 0; by_key == NULL && i < directory->node_count; i++) {
        if (strcmp(directory->nodes[i].name, text) == 0)
            add_node(&r->filter->node, directory, &directory->nodes[i]);
    }
    if (r->filter->node.count == 0)
        add_short_key(&r->filter->node, directory, text, strlen(text));
    r->filter->is_nothing |= r->filter->node.count == 0;
}

static bool read_nodes(struct reading *r, const struct directory *directory)
{
    const char *list = given(r, "nodes");
    size_t len = 0;
    size_t words = 0;
    if (list == NULL)
        return true;
    for (const char *word; (word = next_word(&list, &len)) != NULL; words++) {
        const struct node *node = find_key(directory, word, len);
        if (words == FILTER_NODES_MAX)
            return refuse(r, "nodes", "at most 32 keys");
        if (node != NULL)
            add_node(&r->filter->nodes, directory, node);
        else
            add_short_key(&r->filter->nodes, directory, word, len);
    }
    r->filter->is_nothing |= words > 0 && r->filter->nodes.count == 0;
    return true;
}

/* Who sent a packet is only known of adverts. */
static bool read_area(struct reading *r, const struct directory *directory)
{
    const char *key = given(r, "area");
    const struct config_area *area = key != NULL ? config_find_area(r->asking->config, key) : NULL;
    struct filter *filter = r->filter;
    if (area == NULL)
        return true;
    filter->has_senders = true;
    filter->senders = malloc((directory->node_count + 1) * sizeof *filter->senders);
    if (filter->senders == NULL)
        return no_memory(r);
    for (size_t i = 0; i < directory->node_count; i++) { /* ascending by id */
        const struct node *node = &directory->nodes[i];
        if (!node->is_hidden && node_is_placed(node) &&
            geo_contains(&area->shape, node->lat, node->lon))
            filter->senders[filter->sender_count++] = node->id;
    }
    filter->is_nothing |= filter->type >= 0 && filter->type != MESHCORE_ADVERT;
    filter->type = MESHCORE_ADVERT;
    return true;
}

/* --- together --------------------------------------------------------------------------------- */

bool filter_is_by_time(const struct filter *f)
{
    return !f->is_nothing && f->route < 0 && !f->has_hash && f->channel == NULL &&
           !f->has_observers && !f->has_senders && f->node.count == 0 && f->nodes.count == 0;
}

bool filter_read(struct filter *filter, struct asking *asking, const struct http_query *query,
                 struct http_reply *reply)
{
    *filter = (struct filter){0};
    struct reading r = {filter, asking, query, reply};
    if (!read_number(&r, "type", NUMBER_MAX, &filter->type) ||
        !read_number(&r, "route", ROUTE_MAX, &filter->route) || !read_times(&r))
        return false;
    const struct directory *directory = asking_directory(asking);
    if (directory == NULL) { /* the question has failed: what is replied does not matter */
        filter->is_nothing = true;
        return true;
    }
    read_hash(&r);
    read_channel(&r);
    read_node(&r, directory);
    if (!read_observers(&r, directory) || !read_nodes(&r, directory) || !read_area(&r, directory))
        return false;
    filter->is_any = filter_is_by_time(filter) && filter->type < 0 &&
                     filter->since_ms == INT64_MIN && filter->until_ms == INT64_MAX;
    return true;
}

void filter_done(struct filter *filter)
{
    free(filter->observers);
    free(filter->senders);
    filter->observers = filter->senders = NULL;
}

static bool has_id(const int64_t *ids, size_t count, int64_t id)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (ids[middle] == id)
            return true;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool filter_has_observer(const struct filter *filter, int64_t observer_id)
{
    return has_id(filter->observers, filter->observer_count, observer_id);
}

bool filter_has_area_sender(const struct filter *filter, int64_t sender_id)
{
    return has_id(filter->senders, filter->sender_count, sender_id);
}

bool filter_names_hop(const struct filter_nodes *nodes, size_t hop_size, const uint8_t *path,
                      size_t path_len)
{
    if (hop_size == 0 || hop_size >= ARRAY_LEN(nodes->nodes[0].is_named_by))
        return false;
    for (size_t at = 0; at + hop_size <= path_len; at += hop_size) {
        for (size_t i = 0; i < nodes->count; i++) {
            if (nodes->nodes[i].is_named_by[hop_size] &&
                memcmp(nodes->nodes[i].key, path + at, hop_size) == 0)
                return true;
        }
    }
    return false;
}

bool filter_has_sender(const struct filter_nodes *nodes, int64_t sender_id)
{
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->nodes[i].id == sender_id)
            return true;
    }
    return false;
}
