/* SPDX-License-Identifier: MIT */
#include "cmd/server/radio/hash_sizes.h"

#include "cmd/server/analytics/histogram.h"
#include "cmd/server/analytics/places.h"
#include "cmd/server/model/hops.h"
#include "cmd/server/tally/tally_signals.h"

#include <stdlib.h>

static const char *const by_bytes[HOP_BYTES_MAX] = {"1", "2", "3"};

static void write_bytes(struct json_write *w, const uint64_t counts[static HOP_BYTES_MAX])
{
    for (size_t i = 0; i < HOP_BYTES_MAX; i++)
        jw_uint(w, by_bytes[i], counts[i]);
}

/* --- packets ---------------------------------------------------------------------------------- */

static void write_packets(struct json_write *w, const struct tally_signals *t)
{
    uint64_t all[HOP_BYTES_MAX] = {0};
    for (size_t i = 0; i < SIGNAL_HOURS; i++)
        for (size_t j = 0; j < HOP_BYTES_MAX; j++)
            all[j] += t->hours[i].packets_by_hop_bytes[j];
    jw_uint(w, "total", all[0] + all[1] + all[2]);
    jw_object(w, "distribution");
    write_bytes(w, all);
    jw_object_end(w);
    jw_array(w, "hourly");
    for (size_t i = 0; i < SIGNAL_HOURS; i++) {
        uint64_t counts[HOP_BYTES_MAX];
        uint64_t any = 0;
        for (size_t j = 0; j < HOP_BYTES_MAX; j++)
            any += counts[j] = t->hours[i].packets_by_hop_bytes[j];
        if (any == 0)
            continue;
        jw_object(w, NULL);
        hour_write(w, "hour", t->first_hour + (int64_t)i);
        write_bytes(w, counts);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* --- hops ------------------------------------------------------------------------------------- */

/* Keeps the busiest first; equal ones by the hop. */
static void keep_top(const struct hop_count *top[static TOP_HOPS], const struct hop_count *hop)
{
    for (size_t i = 0; i < TOP_HOPS; i++) {
        if (top[i] != NULL && (top[i]->packets_day > hop->packets_day ||
                               (top[i]->packets_day == hop->packets_day && top[i]->hop < hop->hop)))
            continue;
        const struct hop_count *next = top[i];
        top[i] = hop;
        if (next == NULL)
            return;
        hop = next;
    }
}

static void write_hop(struct json_write *w, const struct analytics_turn *turn,
                      const struct hop_count *hop)
{
    uint8_t bytes[HOP_BYTES_MAX];
    hop_unpack(hop->hop, bytes);
    const size_t size = hop_size(hop->hop);
    const struct node *node = hops_node(turn->facts.directory, bytes, size, hop->last_ms);
    jw_object(w, NULL);
    jw_hex_upper(w, "hex", bytes, size);
    jw_uint(w, "size", size);
    jw_uint(w, "count", hop->packets_day);
    if (node != NULL) {
        jw_string_or_null(w, "name", node->name);
        jw_hex_lower(w, "pubkey", node->key, sizeof node->key);
    } else {
        jw_null(w, "name");
        jw_null(w, "pubkey");
    }
    jw_object_end(w);
}

static void write_top_hops(struct json_write *w, const struct analytics_turn *turn)
{
    const struct hop_count *top[TOP_HOPS] = {NULL};
    const struct tally_hops *hops = summary_hops(turn->facts.summary);
    for (size_t i = 0; i < tally_hops_count(hops); i++)
        keep_top(top, tally_hops_at(hops, i));
    jw_array(w, "topHops");
    for (size_t i = 0; i < TOP_HOPS && top[i] != NULL; i++)
        write_hop(w, turn, top[i]);
    jw_array_end(w);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void begin_node(struct json_write *w, const struct node *node)
{
    jw_object(w, NULL);
    jw_hex_lower(w, "pubkey", node->key, sizeof node->key);
    jw_string_or_null(w, "name", node->name);
    node_role(w, "role", node);
    node_time(w, "lastSeen", node->heard_ms);
}

static void write_repeaters(struct json_write *w, const struct analytics_turn *turn,
                            const struct node *const *nodes, size_t count)
{
    uint64_t sizes[HOP_BYTES_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        const struct advert_facts *adverts = facts_adverts(&turn->facts, nodes[i]);
        if (node_may_relay(nodes[i]) && adverts != NULL && adverts->hash_size > 0 &&
            adverts->hash_size <= HOP_BYTES_MAX)
            sizes[adverts->hash_size - 1]++;
    }
    jw_object(w, "distributionByRepeaters");
    write_bytes(w, sizes);
    jw_object_end(w);
}

static void write_multi_byte(struct json_write *w, const struct analytics_turn *turn,
                             const struct node *const *nodes, size_t count)
{
    jw_array(w, "multiByteNodes");
    for (size_t i = 0; i < count; i++) {
        const struct advert_facts *adverts = facts_adverts(&turn->facts, nodes[i]);
        if (adverts == NULL || adverts->hash_size < 2)
            continue;
        begin_node(w, nodes[i]);
        jw_uint(w, "hashSize", adverts->hash_size);
        if (nodes[i]->advert_count != DIRECTORY_UNKNOWN)
            jw_int(w, "packets", nodes[i]->advert_count);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_capability(struct json_write *w, const struct analytics_turn *turn,
                             const struct node *const *nodes, size_t count)
{
    jw_array(w, "multiByteCapability");
    for (size_t i = 0; i < count; i++) {
        struct relays figures;
        const struct advert_facts *adverts = facts_adverts(&turn->facts, nodes[i]);
        if (!node_may_relay(nodes[i]) || !facts_relays(&turn->facts, nodes[i], &figures))
            continue;
        const struct multi_byte multi = facts_multi_byte(adverts, &figures);
        begin_node(w, nodes[i]);
        jw_string(w, "status", multi.status != NULL ? multi.status : "unknown");
        jw_string(w, "evidence", multi.evidence != NULL ? multi.evidence : "");
        jw_uint(w, "maxHashSize",
                multi.status != NULL ? multi.max_bytes
                : adverts != NULL    ? adverts->hash_size
                                     : 0);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool compute(struct analytics_turn *turn, struct json_write *w)
{
    size_t count = 0;
    const struct node **nodes = turn->facts.adverts != NULL ? places_nodes(turn, &count) : NULL;
    if (nodes == NULL)
        return false;
    analysis_of_summary(turn, 1u << TALLY_signals | 1u << TALLY_hops);
    write_packets(w, summary_signals(turn->facts.summary));
    write_top_hops(w, turn);
    write_repeaters(w, turn, nodes, count);
    write_multi_byte(w, turn, nodes, count);
    write_capability(w, turn, nodes, count);
    jw_string(w, "attributionMethod", "advert");
    free(nodes);
    return true;
}

const struct http_parameter hash_sizes_parameters[] = {ANALYTICS_AREA, ANALYTICS_REGION, {0}};
const struct analysis analysis_hash_sizes = {.name = "hash-sizes",
                                             .compute = compute,
                                             .parameters = hash_sizes_parameters,
                                             .needs_summary = true,
                                             .is_of_memory = true};
