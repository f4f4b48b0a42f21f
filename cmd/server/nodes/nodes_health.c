/* SPDX-License-Identifier: MIT
 *
 * How a node is heard. Its observers, averages and totalObservations are of all its adverts that
 * are stored, as the ingestor counts them behind the messages (node_observers): `basis` says as of
 * when. Of a node of which nothing was counted yet they are of its newest adverts. avgHops takes
 * what came direct for 0 hops. totalTransmissions (and totalPackets, the same) counts all adverts
 * that ever came, packetsToday those since midnight UTC. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/nodes/node_find.h"
#include "cmd/server/nodes/node_receptions.h"

#define RECENT_PACKETS 20

static const char SQL_COUNTED[] =
    "SELECT observer_id, count, snr_n, snr_sum, rssi_n, rssi_sum, hops_sum, last_ms"
    " FROM node_observers WHERE node_id = ?1";
/* Of the last observation that was counted. */
static const char SQL_AS_OF[] =
    "SELECT receipt_ms FROM observations WHERE id <="
    " (SELECT position FROM jobs WHERE name = 'count_late') ORDER BY id DESC LIMIT 1";

#define SUM_UNITS 4 /* in a dB */

struct health {
    struct table observers;
    struct node_heard all;
    int64_t as_of_ms;      /* DIRECTORY_NEVER: nothing was counted, */
    struct node_span span; /* and it is of these */
};

static void read_counted(const struct statement *row, struct node_heard *out)
{
    *out = (struct node_heard){.observer_id = column_int(row, 0),
                               .last_ms = column_int(row, 7),
                               .count = (uint32_t)column_int(row, 1),
                               .snr_count = (uint32_t)column_int(row, 2),
                               .rssi_count = (uint32_t)column_int(row, 4),
                               .hops_count = (uint32_t)column_int(row, 1),
                               .snr_sum = (double)column_int(row, 3) / SUM_UNITS,
                               .rssi_sum = (double)column_int(row, 5) / SUM_UNITS,
                               .hops_sum = (double)column_int(row, 6)};
}

/* False: nothing was counted of this node. */
static bool take_counted(struct asking *asking, int64_t node_id, struct health *health)
{
    struct reader *reader = asking->reader;
    if (asking->model->engine != NULL)
        return false; /* it has no such table */
    struct statement *row = reader_statement(reader, SQL_COUNTED);
    if (row == NULL)
        return false;
    bind_int(row, 1, node_id);
    while (statement_row(row) == STATUS_OK) {
        struct node_heard heard;
        read_counted(row, &heard);
        node_heard_put(&health->observers, &heard);
        node_heard_sum(&health->all, &heard);
    }
    if (health->observers.count == 0)
        return false;
    health->as_of_ms = reader_number(reader, SQL_AS_OF, DIRECTORY_NEVER);
    return true;
}

static void note(void *context, const struct node_reception *reception)
{
    struct health *health = context;
    node_heard_note(&health->observers, reception);
    node_heard_add(&health->all, reception);
}

static void write_basis(struct json_write *w, const struct health *health)
{
    if (health->as_of_ms == DIRECTORY_NEVER) {
        node_span_write(w, &health->span);
        return;
    }
    jw_object(w, "basis");
    node_time(w, "asOf", health->as_of_ms);
    jw_bool(w, "complete", true);
    jw_object_end(w);
}

static void write_stats(struct json_write *w, const struct facts *facts, const struct node *node,
                        const struct node_heard *all)
{
    jw_object(w, "stats");
    jw_known_int(w, "totalTransmissions", node->advert_count);
    jw_known_int(w, "totalPackets", node->advert_count);
    jw_uint(w, "totalObservations", all->count);
    jw_known_int(w, "packetsToday", node_adverts_today(facts->asking, node->id, facts->now_ms));
    node_average_write(w, "avgSnr", all->snr_sum, all->snr_count);
    node_time(w, "lastHeard", node->heard_ms);
    if (all->hops_count > 0)
        node_average_write(w, "avgHops", all->hops_sum, all->hops_count);
    jw_object_end(w);
}

static void answer_health(const struct facts *facts, const struct node *node,
                          const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    struct json_write w;
    struct health health = {.as_of_ms = DIRECTORY_NEVER};
    node_heard_init(&health.observers);
    if (!take_counted(facts->asking, node->id, &health))
        health.span = node_receptions_each(facts->asking, node->id, INT64_MIN, note, &health);
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    node_write(&w, "node", facts, node);
    node_heard_write(&w, "observers", facts->asking, &health.observers);
    write_stats(&w, facts, node, &health.all);
    node_adverts_write(&w, "recentPackets", facts->asking, node->id, RECENT_PACKETS);
    write_basis(&w, &health);
    jw_object_end(&w);
    http_reply_json(reply, &w);
    table_done(&health.observers);
}

void nodes_ask_health(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply)
{
    node_ask(asking, request, reply, false, answer_health);
}
