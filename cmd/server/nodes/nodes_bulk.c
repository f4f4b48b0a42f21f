/* SPDX-License-Identifier: MIT
 *
 * How many nodes are heard, at once: of the last 24 hours (since, complete), by what the background
 * counted, since a look at each node's adverts would be too dear. */
#include "cmd/server/nodes/nodes.h"

#include "cmd/server/http/query.h"
#include "cmd/server/nodes/node_filter.h"
#include "cmd/server/nodes/node_receptions.h"
#include "cmd/server/tally/tally_senders.h"

#include <stdlib.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200
/* Of each node, those who heard most: 200 such nodes are 14 MB. */
#define OBSERVERS_SHOWN 300

/* A pair of the tally, with the place of its node on the page. */
struct heard_at {
    size_t place;
    const struct sender_heard *heard;
};

static int by_place(const void *a, const void *b)
{
    const struct heard_at *x = a;
    const struct heard_at *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (x->heard->count != y->heard->count)
        return x->heard->count < y->heard->count ? 1 : -1;
    return (x->heard->observer_id > y->heard->observer_id) -
           (x->heard->observer_id < y->heard->observer_id);
}

/* A node of the page, by its id. */
struct placed {
    int64_t id;
    size_t place;
};

static int by_id(const void *a, const void *b)
{
    const struct placed *x = a;
    const struct placed *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* The pairs of these nodes, in the order of the page; free() them. NULL = no memory. */
static struct heard_at *pairs_of(const struct facts *facts, const struct node *const *nodes,
                                 size_t node_count, size_t *out_count)
{
    const struct tally_senders *senders = summary_senders(facts->summary);
    const size_t all = tally_senders_count(senders);
    struct placed placed[LIMIT_MAX];
    struct heard_at *pairs = malloc((all + 1) * sizeof *pairs);
    size_t count = 0;
    if (pairs == NULL)
        return NULL;
    for (size_t i = 0; i < node_count; i++)
        placed[i] = (struct placed){nodes[i]->id, i};
    qsort(placed, node_count, sizeof placed[0], by_id);
    for (size_t i = 0; i < all && node_count > 0; i++) {
        const struct sender_heard *heard = tally_senders_at(senders, i);
        const struct placed key = {.id = heard->node_id};
        const struct placed *at = bsearch(&key, placed, node_count, sizeof placed[0], by_id);
        if (at != NULL)
            pairs[count++] = (struct heard_at){at->place, heard};
    }
    qsort(pairs, count, sizeof *pairs, by_place);
    *out_count = count;
    return pairs;
}

/* As of one observer's adverts, for the same JSON. */
static struct node_heard heard_of(const struct sender_heard *heard)
{
    return (struct node_heard){.observer_id = heard->observer_id,
                               .first_ms = heard->first_ms,
                               .last_ms = heard->last_ms,
                               .count = heard->count,
                               .snr_count = heard->snr_count,
                               .rssi_count = heard->rssi_count,
                               .hops_count = heard->hops_count,
                               .snr_sum = (double)heard->snr_sum,
                               .rssi_sum = (double)heard->rssi_sum,
                               .hops_sum = (double)heard->hops_sum};
}

static void write_stats(struct json_write *w, const struct facts *facts, const struct node *node,
                        int64_t today, const struct heard_at *pairs, size_t count)
{
    const struct summary_window window = summary_window(facts->summary, 1U << TALLY_senders);
    struct node_heard all = {0};
    for (size_t i = 0; i < count; i++) {
        const struct node_heard heard = heard_of(pairs[i].heard);
        node_heard_sum(&all, &heard);
    }
    jw_object(w, "stats");
    jw_known_int(w, "totalTransmissions", node->advert_count);
    jw_known_int(w, "totalPackets", node->advert_count);
    jw_uint(w, "totalObservations", all.count);
    jw_known_int(w, "packetsToday", today);
    node_average_write(w, "avgSnr", all.snr_sum, all.snr_count);
    node_time(w, "lastHeard", node->heard_ms);
    if (all.hops_count > 0)
        node_average_write(w, "avgHops", all.hops_sum, all.hops_count);
    node_time(w, "since", window.from_ms);
    jw_bool(w, "complete", window.is_complete);
    jw_object_end(w);
}

static void write_node(struct json_write *w, const struct facts *facts, const struct node *node,
                       int64_t today, const struct heard_at *pairs, size_t count)
{
    jw_object(w, NULL);
    jw_hex_lower(w, "public_key", node->key, sizeof node->key);
    jw_string_or_null(w, "name", node->name);
    node_role(w, "role", node);
    jw_real(w, "lat", node->lat);
    jw_real(w, "lon", node->lon);
    write_stats(w, facts, node, today, pairs, count);
    jw_uint(w, "observerCount", count);
    jw_array(w, "observers");
    for (size_t i = 0; i < min_size(count, OBSERVERS_SHOWN); i++) {
        const struct node_heard heard = heard_of(pairs[i].heard);
        node_heard_one_write(w, facts->asking, &heard);
    }
    jw_array_end(w);
    jw_object_end(w);
}

static void write_page(struct http_reply *reply, const struct facts *facts,
                       const struct node *const *nodes, size_t node_count)
{
    struct json_write w;
    int64_t ids[LIMIT_MAX];
    int64_t today[LIMIT_MAX];
    size_t count = 0;
    size_t at = 0;
    struct heard_at *pairs = pairs_of(facts, nodes, node_count, &count);
    if (pairs == NULL)
        return;
    for (size_t i = 0; i < node_count; i++)
        ids[i] = nodes[i]->id;
    node_adverts_today_of(facts->asking, ids, node_count, facts->now_ms, today);
    reply->kept_s = FACTS_KEPT_S;
    jw_grow(&w, HTTP_ANSWER_MAX);
    jw_array(&w, NULL);
    for (size_t i = 0; i < node_count; i++) {
        const size_t first = at;
        while (at < count && pairs[at].place == i)
            at++;
        write_node(&w, facts, nodes[i], today[i], pairs + first, at - first);
    }
    jw_array_end(&w);
    http_reply_json(reply, &w);
    free(pairs);
}

static void answer_bulk(const struct facts *facts, const struct http_request *request,
                        struct http_reply *reply)
{
    struct node_filter filter;
    size_t count = 0;
    if (!node_filter_read_places(request->query, facts, &filter, reply))
        return;
    const struct node **nodes = node_filter_run(&filter, facts, &count);
    if (nodes == NULL)
        return;
    const size_t limit = http_query_limit(request->query, "limit", LIMIT_DEFAULT, LIMIT_MAX);
    write_page(reply, facts, nodes, min_size(count, limit));
    free(nodes);
}

void nodes_ask_bulk_health(struct asking *asking, const struct http_request *request,
                           struct http_reply *reply)
{
    struct facts facts;
    if (!facts_begin(&facts, asking))
        return;
    if (facts.summary == NULL)
        http_reply_error(reply, 503, "the last 24 hours are being counted: ask again");
    else
        answer_bulk(&facts, request, reply);
    facts_end(&facts);
}
