/* SPDX-License-Identifier: MIT */
#include "cmd/server/packets/list.h"

#include "cmd/server/export/export_rows.h"
#include "cmd/server/model/asking.h"
#include "cmd/server/model/packet_read.h"
#include "cmd/server/packets/cursor.h"
#include "cmd/server/packets/group.h"
#include "cmd/server/packets/totals.h"
#include "cmd/server/packets/walk.h"
#include "common/mesh/meshcore_json.h"

#include <string.h>

const struct http_parameter list_packets_parameters[] = {
    {"area", HTTP_PARAMETER_TEXT, "adverts of nodes in this area of the configuration"},
    {"channel", HTTP_PARAMETER_TEXT, "messages of this channel: its name, or enc_XX"},
    {"cursor", HTTP_PARAMETER_TEXT, "nextCursor of the answer before"},
    {"expand", HTTP_PARAMETER_TEXT, "observations: with every reception of each packet"},
    {"format", HTTP_PARAMETER_TEXT, "json (default), or a file of all packets: ndjson, csv"},
    {"groupByHash", HTTP_PARAMETER_FLAG, "groups, ordered by what was heard last"},
    {"grouped", HTTP_PARAMETER_FLAG, "the same as groupByHash"},
    {"hash", HTTP_PARAMETER_TEXT, "16 hex digits"},
    {"limit", HTTP_PARAMETER_INT, "50, at most 10000; of a file all"},
    {"node", HTTP_PARAMETER_TEXT,
     "sent or relayed by this node: its key, its first digits (8 or more), or its name"},
    {"nodes", HTTP_PARAMETER_LIST, "the same of any of these keys, at most 32"},
    {"observer", HTTP_PARAMETER_LIST,
     "received by one of these observers: ids, of keys the first digits (8 or more) do"},
    {"offset", HTTP_PARAMETER_INT, "skip so many; with a filter at most 10000"},
    {"order", HTTP_PARAMETER_TEXT, "asc = oldest first, desc (default)"},
    {"region", HTTP_PARAMETER_LIST, "received by an observer of one of these regions"},
    {"route", HTTP_PARAMETER_INT, "route type, 0 to 3"},
    {"since", HTTP_PARAMETER_TIME, "first received after this"},
    {"type", HTTP_PARAMETER_INT, "payload type, 0 to 15"},
    {"until", HTTP_PARAMETER_TIME, "first received before this"},
    {0},
};

struct listing {
    struct asking *asking;
    struct filter filter;
    struct walk_order order;
    bool is_grouped, is_expanded;
    mono_us end_by;
    struct walk walk;
};

/* So many rows are written between two looks at the clock. */
#define ROWS_PER_LOOK 32

/* --- what is asked ---------------------------------------------------------------------------- */

static const char *text_or_empty(const struct http_query *query, const char *name)
{
    const char *text = http_query_text(query, name);
    return text != NULL ? text : "";
}

static bool refuse(struct http_reply *reply, const char *field, const char *why)
{
    http_reply_field_error(reply, 400, field, why);
    return false;
}

static bool read_cursor(struct listing *l, const char *text)
{
    return cursor_read(text, l->order.by_reception, l->asking->model->engine != NULL,
                       &l->order.cursor);
}

static bool read_order(struct listing *l, const struct http_query *query, struct http_reply *reply)
{
    const char *order = text_or_empty(query, "order");
    const char *expand = text_or_empty(query, "expand");
    const char *cursor = text_or_empty(query, "cursor");
    l->is_grouped = http_query_is_set(query, "groupByHash") || http_query_is_set(query, "grouped");
    l->is_expanded = strcmp(expand, "observations") == 0;
    l->order.by_reception = l->is_grouped || l->filter.has_observers;
    l->order.is_ascending = strcmp(order, "asc") == 0;
    l->order.limit = http_query_limit(query, "limit", LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX);
    l->order.offset = http_query_offset(query, "offset", SIZE_MAX / 64);
    if (*order != '\0' && !l->order.is_ascending && strcmp(order, "desc") != 0)
        return refuse(reply, "order", "asc or desc");
    if (*expand != '\0' && !l->is_expanded)
        return refuse(reply, "expand", "only observations can be expanded");
    if (*cursor != '\0' && !read_cursor(l, cursor))
        return refuse(reply, "cursor", "no cursor of this list: take nextCursor of its answer");
    return true;
}

/* --- the answer ------------------------------------------------------------------------------- */

struct observations {
    struct json_write *w;
    struct asking *asking;
    const struct packet *packet;
};

static void write_observation(void *context, const struct packet_observation *seen)
{
    const struct observations *o = context;
    packet_observation_write(o->w, NULL, o->asking, o->packet, seen);
}

/* A group shows the best of its receptions, a list of observers theirs. */
static bool read_row(const struct listing *l, const struct walk_found *found, struct packet *packet,
                     struct packet_observation *shown)
{
    struct asking *asking = l->asking;
    if (found->observation_id != 0 && !l->is_grouped)
        return packet_read_shown(asking, found->transmission_id, found->observation_id, packet,
                                 shown);
    return packet_read_best(asking, found->transmission_id, packet, shown);
}

static void write_row(struct listing *l, struct json_write *w, const struct walk_found *found)
{
    struct packet packet;
    struct packet_observation shown;
    if (!read_row(l, found, &packet, &shown))
        return;
    jw_object(w, NULL);
    if (l->is_grouped)
        group_members(w, l->asking, &packet, &shown);
    else
        packet_members(w, l->asking, &packet, &shown);
    if (l->is_expanded) {
        struct observations o = {w, l->asking, &packet};
        jw_array(w, "observations");
        (void)packet_each_observation(l->asking, &packet, write_observation, &o);
        jw_array_end(w);
    }
    jw_object_end(w);
}

/* How many: not all when the answer grows too large. */
static size_t write_rows(struct listing *l, struct json_write *w)
{
    size_t i = 0;
    jw_array(w, "packets");
    for (; i < l->walk.count && (i == 0 || w->len < LIST_BYTES_MAX); i++) {
        if (i % ROWS_PER_LOOK == ROWS_PER_LOOK - 1 && clock_mono() > l->end_by)
            break;
        write_row(l, w, &l->walk.rows[i]);
    }
    jw_array_end(w);
    return i;
}

static void write_total(const struct listing *l, struct json_write *w)
{
    const int64_t exact = totals_of(l->asking, &l->filter);
    const bool is_counted = l->walk.is_complete && !l->walk.has_more;
    if (exact >= 0)
        jw_int(w, "total", exact);
    else if (!l->order.cursor.is_given)
        jw_uint(w, "total", l->walk.passed);
    if (exact < 0 && !l->order.cursor.is_given && !is_counted)
        jw_bool(w, "totalCapped", true);
}

static void write_cursor(const struct listing *l, struct json_write *w, size_t written)
{
    const bool is_cut = written < l->walk.count;
    const struct walk_cursor next =
        is_cut ? walk_cursor_after(&l->walk, &l->order, written - 1) : l->walk.next;
    char text[CURSOR_TEXT_MAX];
    jw_bool(w, "complete", l->walk.is_complete);
    if (!is_cut && !l->walk.has_more)
        return;
    cursor_write(&next, l->order.by_reception, text);
    jw_string(w, "nextCursor", text);
    if (!l->walk.is_complete)
        jw_string(w, "next", text);
}

static void answer(struct listing *l, struct http_reply *reply)
{
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    const size_t written = write_rows(l, &w);
    write_total(l, &w);
    jw_uint(&w, "limit", l->order.limit);
    jw_uint(&w, "offset", l->order.offset);
    write_cursor(l, &w, written);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

void list_packets(struct asking *asking, const struct http_request *request,
                  struct http_reply *reply)
{
    /* An engine has limits of its own, and has read what is written here. */
    const bool is_limited = asking->model->engine == NULL;
    struct listing l = {.asking = asking,
                        .end_by = is_limited ? clock_mono() + LIST_US_MAX : INT64_MAX};
    if (filter_read(&l.filter, asking, request->query, reply) &&
        read_order(&l, request->query, reply)) {
        if (!walk_packets(&l.walk, asking, &l.filter, &l.order))
            http_reply_error(reply, 503, "out of memory");
        else if (l.walk.is_too_far)
            (void)refuse(reply, "offset", "at most 10000 with a filter: go on with cursor");
        else
            answer(&l, reply);
    }
    walk_done(&l.walk);
    filter_done(&l.filter);
}

/* --- as a file -------------------------------------------------------------------------------- */

#define EXPORT_PAGE 200

static const char *const columns[] = {"id",          "hash",          "first_seen",
                                      "route_type",  "payload_type",  "observation_count",
                                      "observer_id", "observer_name", "observer_iata",
                                      "snr",         "rssi",          "direction",
                                      "path",        "raw_hex",       "decoded_json"};

static void write_columns(struct asking *asking, struct export_rows *rows,
                          const struct packet *packet, const struct packet_observation *shown)
{
    char text[MESHCORE_JSON_MAX];
    const struct observer *observer = asking_observer(asking, shown->observer_id);
    export_int(rows, packet->id);
    export_hex(rows, packet->hash, sizeof packet->hash, false);
    export_time(rows, packet->first_ms);
    export_int(rows, packet->route);
    export_int(rows, packet->type);
    export_int(rows, packet->observation_count);
    export_string(rows, observer != NULL ? observer->identity : NULL);
    export_string(rows, observer != NULL ? observer->name : NULL);
    export_string(rows, observer != NULL ? observer->iata : NULL);
    export_real(rows, shown->snr);
    export_real(rows, shown->rssi);
    export_string(rows, shown->is_tx ? "tx" : "rx");
    export_text(rows, text, packet_path_words(packet, shown, text, sizeof text));
    export_hex(rows, packet->raw, packet->raw_len, true);
    export_text(rows, text, packet_decoded_text(asking, packet, text, sizeof text));
}

static void export_row(struct listing *l, struct export_rows *rows, size_t at)
{
    const struct walk_found *found = &l->walk.rows[at];
    const struct walk_cursor after = walk_cursor_after(&l->walk, &l->order, at);
    struct packet packet;
    struct packet_observation shown;
    char cursor[CURSOR_TEXT_MAX];
    if (!read_row(l, found, &packet, &shown))
        return;
    cursor_write(&after, l->order.by_reception, cursor);
    if (rows->format == EXPORT_CSV) {
        write_columns(l->asking, rows, &packet, &shown);
        export_line_end(rows, cursor);
        return;
    }
    packet_members(export_object(rows), l->asking, &packet, &shown);
    export_object_end(rows, cursor);
}

/* One page of it. False = no memory. */
static bool export_page(struct listing *l, struct export_rows *rows)
{
    size_t written = 0;
    l->order.limit = EXPORT_PAGE;
    if (!walk_packets(&l->walk, l->asking, &l->filter, &l->order))
        return false;
    while (written < l->walk.count && export_rows_fit(rows))
        export_row(l, rows, written++);
    if (written == l->walk.count && l->walk.has_more) {
        l->order.cursor = l->walk.next;
        cursor_write(&l->order.cursor, l->order.by_reception, rows->cursor);
    } else if (written == l->walk.count) {
        rows->is_last = true;
    } else if (written > 0) {
        l->order.cursor = walk_cursor_after(&l->walk, &l->order, written - 1);
    }
    walk_done(&l->walk);
    return true;
}

static bool may_be_exported(const struct listing *l, struct http_reply *reply)
{
    if (l->is_grouped)
        return refuse(reply, "groupByHash", "a file holds packets, not groups");
    if (l->is_expanded)
        return refuse(reply, "expand", "a file holds packets alone");
    if (l->order.offset > 0)
        return refuse(reply, "offset", "a file begins at a cursor");
    return true;
}

void list_export(struct asking *asking, const struct http_request *request,
                 struct export_rows *rows, struct http_reply *reply)
{
    struct listing l = {.asking = asking};
    bool is_done = !filter_read(&l.filter, asking, request->query, reply) ||
                   !read_order(&l, request->query, reply) || !may_be_exported(&l, reply);
    if (!is_done && rows->cursor[0] != '\0')
        rows->has_failed |= !read_cursor(&l, rows->cursor);
    if (!is_done && rows->format == EXPORT_CSV)
        export_names(rows, columns, ARRAY_LEN(columns));
    while (!is_done && !rows->is_last && export_rows_want(rows)) {
        is_done = !export_page(&l, rows);
        rows->has_failed |= is_done;
    }
    filter_done(&l.filter);
}
