/* SPDX-License-Identifier: MIT
 *
 * One node, with its newest adverts as packets. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/model/stretches.h"
#include "cmd/server/nodes/node_adverts.h"
#include "cmd/server/nodes/node_find.h"

#define RECENT_ADVERTS 20
/* So many of its newest adverts are looked at: a node sends a few a day. */
#define FLOODS_ASKED 1000

static const char SQL_ROUTES[] =
    "SELECT route, first_ms FROM transmissions INDEXED BY transmissions_sender WHERE sender = ?1"
    " AND id >= ?2 ORDER BY id DESC LIMIT ?3";

/* Its adverts of the last seven days that were first received as floods. Not known, and left out,
 * where FLOODS_ASKED adverts are not all of these days. */
static void write_floods(struct json_write *w, const struct facts *facts, const struct node *node)
{
    const int64_t since_ms = facts->now_ms - 7 * MS_PER_DAY;
    if (facts->asking->model->engine != NULL)
        return; /* not known: left out */
    const int64_t low = stretches_first_packet(facts->asking->reader, since_ms);
    int64_t asked = 0;
    int64_t floods = 0;
    bool is_all = false;
    struct statement *row = reader_statement(facts->asking->reader, SQL_ROUTES);
    if (row == NULL)
        return;
    bind_int(row, 1, node->id);
    bind_int(row, 2, low < 0 ? INT64_MAX : low);
    bind_int(row, 3, FLOODS_ASKED);
    while (statement_row(row) == STATUS_OK) {
        const bool is_recent = column_int(row, 1) >= since_ms;
        floods += is_recent && meshcore_is_flood((unsigned)column_int(row, 0));
        is_all |= !is_recent;
        asked++;
    }
    if (is_all || asked < FLOODS_ASKED)
        jw_int(w, "flood_advert_count_7d", floods);
}

static void answer_detail(const struct facts *facts, const struct node *node,
                          const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    struct json_write w;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    jw_object(&w, "node");
    node_members(&w, facts, node);
    if (node_may_relay(node))
        jw_int(&w, "relay_window_hours", RELAY_WINDOW_HOURS);
    write_floods(&w, facts, node);
    jw_object_end(&w);
    if (facts->summary != NULL)
        window_write(&w, facts->summary, 1U << TALLY_hops);
    node_adverts_write(&w, "recentAdverts", facts->asking, node->id, RECENT_ADVERTS);
    jw_object_end(&w);
    http_reply_json(reply, &w);
}

void nodes_ask_detail(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply)
{
    node_ask(asking, request, reply, false, answer_detail);
}
