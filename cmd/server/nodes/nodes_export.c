/* SPDX-License-Identifier: MIT
 *
 * The nodes that match the filters as a file, in the order in which they were first stored, which
 * does not change while a client takes it; a line's cursor is the node's number there. ndjson: as
 * the list has them. csv: what a table has room for. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/export/export_rows.h"
#include "cmd/server/http/query.h"
#include "cmd/server/nodes/node_filter.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {
    "public_key", "name",          "role",          "lat",          "lon",
    "first_seen", "last_seen",     "last_heard",    "last_relayed", "advert_count",
    "battery_mv", "temperature_c", "default_scope", "hash_size",    "relay_count_24h"};

/* null in JSON, empty here. */
static void put_time(struct export_rows *rows, int64_t ms)
{
    if (ms == DIRECTORY_NEVER)
        export_string(rows, NULL);
    else
        export_time(rows, ms);
}

static void put_int(struct export_rows *rows, bool is_known, int64_t value)
{
    if (is_known)
        export_int(rows, value);
    else
        export_string(rows, NULL);
}

static void put_figures(struct export_rows *rows, const struct facts *facts,
                        const struct node *node)
{
    struct relays relays;
    const bool is_infra = node_may_relay(node);
    const bool is_counted = facts_relays(facts, node, &relays);
    const struct advert_facts *adverts = facts_adverts(facts, node);
    put_time(rows, relays.last_ms);
    put_int(rows, node->advert_count != DIRECTORY_UNKNOWN, node->advert_count);
    put_int(rows, node->battery_mv != DIRECTORY_UNKNOWN, node->battery_mv);
    export_real(rows, node->temperature_c);
    export_string(rows, directory_scope(facts->directory, node->scope_id));
    put_int(rows, adverts != NULL && adverts->hash_size > 0,
            adverts != NULL ? adverts->hash_size : 0);
    put_int(rows, is_infra && is_counted, relays.packets_day);
}

static void write_line(struct export_rows *rows, const struct facts *facts, const struct node *node)
{
    char cursor[EXPORT_CURSOR_MAX];
    char role[16];
    (void)snprintf(cursor, sizeof cursor, "%lld", (long long)node->id);
    if (rows->format == EXPORT_NDJSON) {
        node_members(export_object(rows), facts, node);
        export_object_end(rows, cursor);
        return;
    }
    export_hex(rows, node->key, sizeof node->key, false);
    export_string(rows, node->name);
    export_string(rows, node->role >= 0 ? meshcore_role_name((unsigned)node->role, role) : NULL);
    export_real(rows, node->lat);
    export_real(rows, node->lon);
    put_time(rows, node->first_ms);
    put_time(rows, node->advert_ms);
    put_time(rows, node->heard_ms);
    put_figures(rows, facts, node);
    export_line_end(rows, cursor);
}

/* False: it is none. */
static bool read_cursor(const char *cursor, int64_t *out)
{
    *out = 0;
    for (; *cursor >= '0' && *cursor <= '9' && *out < INT64_MAX / 100; cursor++)
        *out = *out * 10 + (*cursor - '0');
    return *cursor == '\0';
}

static void write_lines(const struct facts *facts, const struct node_filter *filter,
                        struct export_rows *rows, int64_t behind)
{
    size_t count = 0;
    size_t at = 0;
    const struct node **nodes = node_filter_run(filter, facts, &count);
    if (nodes == NULL) {
        rows->has_failed = true;
        return;
    }
    while (at < count && nodes[at]->id <= behind)
        at++;
    for (; at < count && export_rows_want(rows); at++)
        write_line(rows, facts, nodes[at]);
    rows->is_last = at == count;
    free(nodes);
}

void nodes_export(struct asking *asking, const struct http_request *request,
                  struct export_rows *rows, struct http_reply *reply)
{
    struct facts facts;
    struct node_filter filter;
    const char *given = http_query_text(request->query, "cursor");
    int64_t behind = 0;
    if (!read_cursor(rows->cursor[0] != '\0' || given == NULL ? rows->cursor : given, &behind)) {
        http_reply_field_error(reply, 400, "cursor", "cursor must be that of a line of this file");
        return;
    }
    if (!facts_begin(&facts, asking))
        return;
    if (node_filter_read(request->query, &facts, &filter, reply)) {
        filter.order = NODE_BY_ID;
        if (rows->format == EXPORT_CSV)
            export_names(rows, names, ARRAY_LEN(names));
        write_lines(&facts, &filter, rows, behind);
    }
    facts_end(&facts);
}
