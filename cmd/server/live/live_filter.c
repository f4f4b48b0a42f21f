/* SPDX-License-Identifier: MIT */
#include "cmd/server/live/live_filter.h"

#include "common/base/hex.h"

#include <string.h>
#include <strings.h>

#define TYPES 16

const struct http_parameter live_parameters[] = {
    {"channel", HTTP_PARAMETER_TEXT, "Channel's name, as in /api/channels"},
    {"lastEventId", HTTP_PARAMETER_INT,
     "Observation id that was seen last, for who can't send Last-Event-ID"},
    {"node", HTTP_PARAMETER_TEXT,
     "Public key: its adverts and what came over it; or the name in an advert"},
    {"observer", HTTP_PARAMETER_LIST, "Observers' ids, at most 16"},
    {"region", HTTP_PARAMETER_LIST, "Observers' regions, at most 16; all = any"},
    {"type", HTTP_PARAMETER_LIST, "Payload types, 0 to 15"},
    {0},
};

/* --- keys ------------------------------------------------------------------------------------- */

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* FNV-1a; 0 means "none". */
static uint64_t key_of(const char *text, size_t len, bool is_folded)
{
    uint64_t key = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        key = (key ^ (uint8_t)(is_folded ? fold(text[i]) : text[i])) * UINT64_C(0x100000001b3);
    return key != 0 ? key : 1;
}

uint64_t live_key(const char *text, size_t len)
{
    return key_of(text, len, false);
}

uint64_t live_key_folded(const char *text, size_t len)
{
    return key_of(text, len, true);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The next value of a comma list without the blanks around it; false = there is none. */
static bool next_value(const char **list, const char **out, size_t *out_len)
{
    const char *at = *list;
    if (at == NULL)
        return false;
    const size_t len = strcspn(at, ",");
    *list = at[len] == ',' ? at + len + 1 : NULL;
    size_t from = 0;
    size_t to = len;
    while (from < to && (at[from] == ' ' || at[from] == '\t'))
        from++;
    while (to > from && (at[to - 1] == ' ' || at[to - 1] == '\t'))
        to--;
    *out = at + from;
    *out_len = to - from;
    return true;
}

static bool read_types(const char *list, uint16_t *out)
{
    const char *value;
    size_t len;
    while (next_value(&list, &value, &len)) {
        unsigned type = 0;
        if (len == 0)
            continue;
        for (size_t i = 0; i < len; i++) {
            if (value[i] < '0' || value[i] > '9' || type >= TYPES)
                return false;
            type = type * 10 + (unsigned)(value[i] - '0');
        }
        if (type >= TYPES)
            return false;
        *out = (uint16_t)(*out | 1u << type);
    }
    return true;
}

/* False = too many. */
static bool read_keys(const char *list, const char *everything, uint64_t out[], uint8_t *out_count)
{
    const char *value;
    size_t len;
    while (next_value(&list, &value, &len)) {
        if (len == 0 || (everything != NULL && strlen(everything) == len &&
                         strncasecmp(value, everything, len) == 0))
            continue;
        if (*out_count == LIVE_FILTER_VALUES)
            return false;
        out[(*out_count)++] = live_key_folded(value, len);
    }
    return true;
}

static void read_node(const char *text, struct live_filter *out)
{
    const size_t len = strlen(text);
    if (len == 0)
        return;
    size_t bytes;
    out->is_node_key = len == 2 * sizeof out->node_key &&
                       hex_decode(text, len, out->node_key, sizeof out->node_key, &bytes);
    out->node = out->is_node_key ? live_key_folded(text, len) : live_key(text, len);
}

const char *live_filter_read(const struct http_query *query, struct live_filter *out,
                             const char **out_field)
{
    *out = (struct live_filter){0};
    *out_field = "type";
    if (!read_types(http_query_text(query, "type"), &out->types))
        return "type must be payload types, numbers from 0 to 15 with commas between them";
    *out_field = "region";
    if (!read_keys(http_query_text(query, "region"), "all", out->regions, &out->region_count))
        return "region takes 16 codes at most";
    *out_field = "observer";
    if (!read_keys(http_query_text(query, "observer"), NULL, out->observers, &out->observer_count))
        return "observer takes 16 ids at most";
    const char *channel = http_query_text(query, "channel");
    if (channel != NULL && channel[0] != '\0')
        out->channel = live_key(channel, strlen(channel));
    const char *node = http_query_text(query, "node");
    if (node != NULL)
        read_node(node, out);
    return NULL;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool holds(const uint64_t *keys, size_t count, uint64_t key)
{
    size_t i = 0;
    while (i < count && keys[i] != key)
        i++;
    return i < count;
}

static bool is_hop(const struct live_filter *filter, const struct live_tags *tags,
                   const uint8_t *path)
{
    const size_t bytes = tags->hop_bytes;
    for (size_t i = 0; bytes > 0 && i + bytes <= tags->path_len; i += bytes) {
        if (memcmp(path + i, filter->node_key, bytes) == 0)
            return true;
    }
    return false;
}

static bool is_of_node(const struct live_filter *filter, const struct live_tags *tags,
                       const uint8_t *path)
{
    if (!filter->is_node_key)
        return tags->name == filter->node;
    return tags->node == filter->node || is_hop(filter, tags, path);
}

bool live_filter_passes(const struct live_filter *filter, const struct live_tags *tags,
                        const uint8_t *path)
{
    return (filter->types == 0 || (filter->types >> (tags->type % TYPES) & 1) != 0) &&
           (filter->region_count == 0 ||
            holds(filter->regions, filter->region_count, tags->region)) &&
           (filter->observer_count == 0 ||
            holds(filter->observers, filter->observer_count, tags->observer)) &&
           (filter->channel == 0 || filter->channel == tags->channel) &&
           (filter->node == 0 || is_of_node(filter, tags, path));
}
