/* SPDX-License-Identifier: MIT */
#include "cmd/server/model/directory.h"

#include "cmd/server/model/grow.h"
#include "cmd/server/readers/reader.h"
#include "common/base/hex.h"
#include "common/mesh/meshcore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXTS_BLOCK 16384

/* Every row of three small tables. */
static const char SQL_NODES[] =
    "SELECT id, public_key, name, role, lat, lon, first_ms, last_ms, last_relayed_ms, last_heard_ms,"
    " advert_time, advert_count, battery_mv, telemetry_time, temperature_c, scope_id, scope_ms,"
    " is_foreign, is_inactive FROM nodes ORDER BY id";
static const char SQL_OBSERVERS[] =
    "SELECT id, identity, name, iata, model, firmware, client_version, radio, first_ms, last_ms,"
    " last_packet_ms, status_ms, packet_count, status_count, battery_mv, uptime_secs, noise_floor,"
    " can_relay, skew_s, skew_ms, is_inactive FROM observers ORDER BY id";
static const char SQL_SCOPES[] = "SELECT id, name FROM scopes ORDER BY id";

/* --- texts ------------------------------------------------------------------------------------ */

struct directory_texts {
    struct directory_texts *next;
    size_t used, cap;
    char bytes[];
};

const char *directory_keep(struct directory *d, const char *text, size_t len)
{
    const size_t size = len + 1;
    if (len == 0)
        return "";
    struct directory_texts *block = d->texts;
    if (block == NULL || block->cap - block->used < size) {
        const size_t cap = size > TEXTS_BLOCK ? size : TEXTS_BLOCK;
        block = malloc(sizeof *block + cap);
        if (block == NULL)
            return NULL;
        *block = (struct directory_texts){.next = d->texts, .cap = cap};
        d->texts = block;
    }
    char *copy = memcpy(block->bytes + block->used, text, len);
    copy[len] = '\0';
    block->used += size;
    return copy;
}

/* NULL = no memory. */
static const char *keep_text(struct directory *d, const struct statement *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row->handle, column);
    return directory_keep(d, text, text != NULL ? strlen(text) : 0);
}

/* --- rows ------------------------------------------------------------------------------------- */

static int64_t known_int(const struct statement *row, int column, int64_t otherwise)
{
    return column_is_null(row, column) ? otherwise : column_int(row, column);
}

static bool begins_with_any(const char *name, const struct config_list *prefixes)
{
    for (size_t i = 0; i < prefixes->count; i++) {
        if (strncmp(name, prefixes->items[i], strlen(prefixes->items[i])) == 0)
            return true;
    }
    return false;
}

static bool is_listed(const char *text, const struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcasecmp(text, list->items[i]) == 0)
            return true;
    }
    return false;
}

static bool is_node_hidden(const struct node *node, const struct config *config)
{
    char key[2 * NODE_KEY_BYTES + 1];
    hex_encode_lower(node->key, sizeof node->key, key);
    return is_listed(key, &config->node_blacklist) ||
           begins_with_any(node->name, &config->hidden_name_prefixes);
}

static bool read_node(struct directory *d, const struct statement *row, void *place)
{
    struct node *node = place;
    *node = (struct node){
        .id = column_int(row, 0),
        .name = keep_text(d, row, 2),
        .role = (int)known_int(row, 3, -1),
        .lat = column_real(row, 4),
        .lon = column_real(row, 5),
        .first_ms = column_int(row, 6),
        .advert_ms = known_int(row, 7, DIRECTORY_NEVER),
        .relayed_ms = known_int(row, 8, DIRECTORY_NEVER),
        .heard_ms = known_int(row, 9, DIRECTORY_NEVER),
        .advert_time = column_int(row, 10),
        .advert_count = column_int(row, 11),
        .battery_mv = known_int(row, 12, DIRECTORY_UNKNOWN),
        .telemetry_time = column_int(row, 13),
        .temperature_c = column_real(row, 14),
        .scope_id = column_int(row, 15),
        .scope_ms = column_int(row, 16),
        .is_foreign = column_int(row, 17) != 0,
        .is_inactive = column_int(row, 18) != 0,
    };
    memcpy(node->key, sqlite3_column_blob(row->handle, 1), NODE_KEY_BYTES); /* the schema checks */
    return node->name != NULL;
}

static bool read_observer(struct directory *d, const struct statement *row, void *place)
{
    struct observer *o = place;
    *o = (struct observer){
        .id = column_int(row, 0),
        .first_ms = column_int(row, 8),
        .heard_ms = known_int(row, 9, DIRECTORY_NEVER),
        .packet_ms = known_int(row, 10, DIRECTORY_NEVER),
        .status_ms = known_int(row, 11, DIRECTORY_NEVER),
        .packet_count = column_int(row, 12),
        .status_count = column_int(row, 13),
        .battery_mv = column_real(row, 14),
        .uptime_secs = column_real(row, 15),
        .noise_floor = column_real(row, 16),
        .can_relay = (int)known_int(row, 17, -1),
        .skew_s = known_int(row, 18, DIRECTORY_UNKNOWN),
        .skew_ms = column_int(row, 19),
        .is_inactive = column_int(row, 20) != 0,
    };
    const char **const texts[] = {&o->identity, &o->name,           &o->iata, &o->model,
                                  &o->firmware, &o->client_version, &o->radio};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = keep_text(d, row, (int)i + 1);
        if (*texts[i] == NULL)
            return false;
    }
    return true;
}

static bool read_scope(struct directory *d, const struct statement *row, void *place)
{
    struct scope *scope = place;
    *scope = (struct scope){column_int(row, 0), keep_text(d, row, 1)};
    return scope->name != NULL;
}

struct table {
    const char *sql;
    size_t size; /* of an element */
    bool (*read)(struct directory *d, const struct statement *row, void *place);
};

/* All rows into an array that doubles. */
static bool read_table(struct directory *d, struct reader *reader, const struct table *table,
                       void **out, size_t *out_count)
{
    struct statement *rows = reader_statement(reader, table->sql);
    char *all = NULL;
    size_t count = 0;
    size_t cap = 0;
    bool is_good = rows != NULL;
    while (is_good && statement_row(rows) == STATUS_OK) {
        char *more = grow(all, count, &cap, table->size);
        is_good = more != NULL;
        all = is_good ? more : all;
        is_good = is_good && table->read(d, rows, all + count * table->size);
        count += is_good;
        if (!is_good)
            statement_done(rows);
    }
    *out = all;
    *out_count = count;
    return is_good;
}

/* --- order ------------------------------------------------------------------------------------ */

static int compare_keys(const void *a, const void *b)
{
    const struct node *const *x = a;
    const struct node *const *y = b;
    return memcmp((*x)->key, (*y)->key, NODE_KEY_BYTES);
}

static bool sort_keys(struct directory *d)
{
    d->nodes_by_key = malloc((d->node_count + 1) * sizeof(const struct node *));
    if (d->nodes_by_key == NULL)
        return false;
    for (size_t i = 0; i < d->node_count; i++)
        d->nodes_by_key[i] = &d->nodes[i];
    qsort(d->nodes_by_key, d->node_count, sizeof(struct node *), compare_keys);
    return true;
}

/* An observer that is a node, too, has its key as identity. */
static void join_observers(struct directory *d)
{
    for (size_t i = 0; i < d->observer_count; i++) {
        struct observer *o = &d->observers[i];
        uint8_t key[NODE_KEY_BYTES];
        size_t len = 0;
        const struct node *const *first;
        if (strlen(o->identity) == 2 * sizeof key &&
            hex_decode(o->identity, 2 * sizeof key, key, sizeof key, &len) &&
            directory_prefix(d, key, len, &first) == 1)
            o->node = *first;
    }
}

/* I1. */
static void hide(struct directory *d, const struct config *config)
{
    for (size_t i = 0; i < d->node_count; i++)
        d->nodes[i].is_hidden = is_node_hidden(&d->nodes[i], config);
    for (size_t i = 0; i < d->observer_count; i++)
        d->observers[i].is_hidden =
            is_listed(d->observers[i].identity, &config->observer_blacklist);
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x;
    int64_t y;
    memcpy(&x, a, sizeof x); /* every element begins with its id */
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

struct directory *directory_new(void)
{
    return calloc(1, sizeof(struct directory));
}

/* They often stand so already: a look is cheaper than a sort. */
static void sort_by_id(void *all, size_t count, size_t size)
{
    const char *bytes = all;
    size_t i = 1;
    while (i < count && compare_ids(bytes + (i - 1) * size, bytes + i * size) < 0)
        i++;
    if (i < count)
        qsort(all, count, size, compare_ids);
}

bool directory_finish(struct directory *d, const struct config *config)
{
    sort_by_id(d->nodes, d->node_count, sizeof *d->nodes);
    sort_by_id(d->observers, d->observer_count, sizeof *d->observers);
    sort_by_id(d->scopes, d->scope_count, sizeof *d->scopes);
    hide(d, config);
    if (!sort_keys(d))
        return false;
    join_observers(d);
    return true;
}

struct directory *directory_read(struct reader *reader, const struct config *config)
{
    static const struct table nodes = {SQL_NODES, sizeof(struct node), read_node};
    static const struct table observers = {SQL_OBSERVERS, sizeof(struct observer), read_observer};
    static const struct table scopes = {SQL_SCOPES, sizeof(struct scope), read_scope};
    struct directory *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->commits = reader_commits(reader);
    void *all[3] = {NULL, NULL, NULL};
    const bool is_read = read_table(d, reader, &nodes, &all[0], &d->node_count) &&
                         read_table(d, reader, &observers, &all[1], &d->observer_count) &&
                         read_table(d, reader, &scopes, &all[2], &d->scope_count);
    d->nodes = all[0];
    d->observers = all[1];
    d->scopes = all[2];
    if (is_read && directory_finish(d, config))
        return d;
    directory_free(d);
    return NULL;
}

void directory_free(struct directory *d)
{
    if (d == NULL)
        return;
    while (d->texts != NULL) {
        struct directory_texts *block = d->texts;
        d->texts = block->next;
        free(block);
    }
    free(d->nodes);
    free(d->observers);
    free(d->scopes);
    free(d->nodes_by_key);
    free(d);
}

/* --- look-ups --------------------------------------------------------------------------------- */

/* Every element begins with its id. */
static const void *find_id(const void *all, size_t count, size_t size, int64_t id)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        int64_t at;
        memcpy(&at, (const char *)all + middle * size, sizeof at);
        if (at == id)
            return (const char *)all + middle * size;
        if (at < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

_Static_assert(offsetof(struct node, id) == 0 && offsetof(struct observer, id) == 0 &&
                   offsetof(struct scope, id) == 0,
               "find_id reads it there");

bool node_is_placed(const struct node *node)
{
    return !isnan(node->lat) && !isnan(node->lon);
}

bool node_may_relay(const struct node *node)
{
    return node->role == MESHCORE_ROLE_REPEATER || node->role == MESHCORE_ROLE_ROOM;
}

const struct node *directory_node(const struct directory *d, int64_t id)
{
    return find_id(d->nodes, d->node_count, sizeof *d->nodes, id);
}

const struct observer *directory_observer(const struct directory *d, int64_t id)
{
    return find_id(d->observers, d->observer_count, sizeof *d->observers, id);
}

bool directory_is_marked(const struct directory *d, const bool *marks, int64_t observer_id)
{
    const struct observer *o = directory_observer(d, observer_id);
    return o != NULL && marks[o - d->observers];
}

int64_t *directory_marked(const struct directory *d, const bool *marks, size_t *out_count)
{
    int64_t *ids = calloc(d->observer_count + 1, sizeof *ids);
    *out_count = 0;
    for (size_t i = 0; ids != NULL && i < d->observer_count; i++) {
        if (marks[i])
            ids[(*out_count)++] = d->observers[i].id;
    }
    return ids;
}

const char *directory_scope(const struct directory *d, int64_t id)
{
    const struct scope *scope = find_id(d->scopes, d->scope_count, sizeof *d->scopes, id);
    return scope != NULL ? scope->name : NULL;
}

const struct observer *directory_find_observer(const struct directory *d, const char *identity)
{
    for (size_t i = 0; i < d->observer_count; i++) {
        if (strcasecmp(d->observers[i].identity, identity) == 0)
            return &d->observers[i];
    }
    return NULL;
}

size_t directory_prefix(const struct directory *d, const uint8_t *prefix, size_t len,
                        const struct node *const **out_first)
{
    size_t low = 0;
    size_t high = d->node_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (memcmp(d->nodes_by_key[middle]->key, prefix, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out_first = d->nodes_by_key + low;
    size_t n = 0;
    while (low + n < d->node_count && memcmp(d->nodes_by_key[low + n]->key, prefix, len) == 0)
        n++;
    return n;
}
