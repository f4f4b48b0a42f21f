/* SPDX-License-Identifier: MIT
 *
 * How a node is heard. Its observers, averages and totalObservations are of its newest adverts,
 * which `basis` names; totalTransmissions (and totalPackets, the same) counts all adverts that ever
 * came, packetsToday those since midnight UTC. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/nodes/node_find.h"
#include "cmd/server/nodes/node_receptions.h"

#define RECENT_PACKETS 20

struct health {
    struct table observers;
    struct node_heard all;
};

static void note(void *context, const struct node_reception *reception)
{
    struct health *health = context;
    node_heard_note(&health->observers, reception);
    node_heard_add(&health->all, reception);
}

static void write_stats(struct json_write *w, const struct facts *facts, const struct node *node,
                        const struct node_heard *all)
{
    jw_object(w, "stats");
    jw_int(w, "totalTransmissions", node->advert_count);
    jw_int(w, "totalPackets", node->advert_count);
    jw_uint(w, "totalObservations", all->count);
    jw_int(w, "packetsToday", node_adverts_today(facts->asking->reader, node->id, facts->now_ms));
    node_average_write(w, "avgSnr", all->snr_sum, all->snr_count);
    node_time(w, "lastHeard", node->heard_ms);
    if (all->hops_count > 0)
        node_average_write(w, "avgHops", all->hops_sum, all->hops_count);
    jw_object_end(w);
}

static void answer_health(const struct facts *facts, const struct node *node,
                          struct http_reply *reply)
{
    struct json_write w;
    struct health health = {0};
    node_heard_init(&health.observers);
    const struct node_span span =
        node_receptions_each(facts->asking->reader, node->id, INT64_MIN, note, &health);
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_object(&w, NULL);
    node_write(&w, "node", facts, node);
    node_heard_write(&w, "observers", facts->asking, &health.observers);
    write_stats(&w, facts, node, &health.all);
    node_adverts_write(&w, "recentPackets", facts->asking, node->id, RECENT_PACKETS);
    node_span_write(&w, &span);
    jw_object_end(&w);
    http_reply_json(reply, &w);
    table_done(&health.observers);
}

void nodes_ask_health(struct asking *asking, const struct http_request *request,
                      struct http_reply *reply)
{
    struct facts facts;
    if (!facts_begin(&facts, asking))
        return;
    const struct node *node = node_of_path(&facts, request, reply);
    if (node != NULL)
        answer_health(&facts, node, reply);
    facts_end(&facts);
}
