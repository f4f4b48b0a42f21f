/* SPDX-License-Identifier: MIT */
#include "cmd/server/tally/tally_hops.h"

#include "cmd/server/tally/pairs.h"
#include "cmd/server/tally/table.h"
#include "common/base/clock.h"

#include <stdlib.h>

/* In pairs: no hops, as their size is 0. */
#define ANY_HOP 0
#define ANY_WAY 1

_Static_assert(offsetof(struct hop_place, packets) == 8, "the key has no padding");
_Static_assert(offsetof(struct hop_scope, packets) == 8, "the key has no padding");

struct tally_hops {
    struct table hops, places, scopes;
    struct pairs *pairs; /* while counting */
    int64_t hour_ago_ms;
    uint32_t packets;
    uint32_t received[HOP_TYPES];
    uint32_t relayed[HOP_TYPES][MESHCORE_FRAME_MAX + 1];
};

static void destroy(void *tally)
{
    struct tally_hops *t = tally;
    if (t == NULL)
        return;
    table_done(&t->hops);
    table_done(&t->places);
    table_done(&t->scopes);
    pairs_free(t->pairs);
    free(t);
}

static void *make(const struct tally_window *window)
{
    struct tally_hops *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    table_init(&t->hops, sizeof(struct hop_count), sizeof(uint32_t), HOPS_MAX);
    table_init(&t->places, sizeof(struct hop_place), offsetof(struct hop_place, packets),
               HOP_PLACES_MAX);
    table_init(&t->scopes, sizeof(struct hop_scope), offsetof(struct hop_scope, packets),
               HOP_SCOPE_PAIRS_MAX);
    t->hour_ago_ms = window->to_ms - MS_PER_HOUR;
    t->pairs = pairs_new();
    if (t->pairs == NULL) {
        destroy(t);
        return NULL;
    }
    return t;
}

static void note_scope(struct hop_count *count, int64_t scope_id)
{
    for (size_t i = 0; i < HOP_SCOPES_MAX && scope_id != 0; i++) {
        if (count->scopes[i] == 0)
            count->scopes[i] = (uint32_t)scope_id;
        if (count->scopes[i] == (uint32_t)scope_id)
            return;
    }
}

static uint32_t scope_of(const struct reception *r)
{
    if (!r->is_scoped)
        return HOP_UNSCOPED;
    return r->scope_id != 0 ? (uint32_t)r->scope_id : HOP_SCOPE_UNNAMED;
}

static void count_scope(struct tally_hops *t, const struct reception *r, uint32_t hop)
{
    const struct hop_scope key = {.hop = hop, .scope = scope_of(r)};
    struct hop_scope *entry = table_take(&t->scopes, &key, NULL);
    if (entry == NULL)
        return;
    entry->packets++;
    if (r->receipt_ms > entry->last_ms)
        entry->last_ms = r->receipt_ms;
}

static void count_packet(struct tally_hops *t, const struct reception *r, uint32_t hop,
                         struct hop_count *count, size_t place)
{
    count->packets_day++;
    t->relayed[r->type % HOP_TYPES][min_size(r->frame_bytes, MESHCORE_FRAME_MAX)]++;
    count->packets_hour += r->receipt_ms >= t->hour_ago_ms;
    count->packets_unscoped += !r->is_scoped;
    const struct hop_place key = {
        .hop = hop, .type = r->type, .is_scoped = r->is_scoped, .place = (uint8_t)place};
    struct hop_place *entry = table_take(&t->places, &key, NULL);
    if (entry != NULL)
        entry->packets++;
    count_scope(t, r, hop);
}

static void add(void *tally, const struct reception *r)
{
    struct tally_hops *t = tally;
    t->received[r->type % HOP_TYPES] += pairs_add(t->pairs, ANY_WAY, r->transmission_id);
    if (!r->has_hops || r->hop_count == 0)
        return;
    t->packets += pairs_add(t->pairs, ANY_HOP, r->transmission_id);
    for (size_t i = 0; i < r->hop_count; i++) {
        const uint32_t hop = reception_hop(r, i);
        struct hop_count *count = table_take(&t->hops, &hop, NULL);
        if (count == NULL)
            continue;
        if (r->receipt_ms > count->last_ms)
            count->last_ms = r->receipt_ms;
        note_scope(count, r->scope_id);
        if (pairs_add(t->pairs, hop, r->transmission_id))
            count_packet(t, r, hop, count, i);
    }
}

static void finish(void *tally)
{
    struct tally_hops *t = tally;
    pairs_free(t->pairs);
    t->pairs = NULL;
}

static bool is_cut(const void *tally)
{
    const struct tally_hops *t = tally;
    return t->hops.is_cut || t->places.is_cut || t->scopes.is_cut;
}

static size_t bytes(const void *tally)
{
    const struct tally_hops *t = tally;
    return sizeof *t + table_bytes(&t->hops) + table_bytes(&t->places) + table_bytes(&t->scopes);
}

const struct tally_kind tally_hops = {make, add, finish, is_cut, bytes, destroy};

const struct hop_count *tally_hops_find(const struct tally_hops *tally, uint32_t hop)
{
    return table_find(&tally->hops, &hop);
}

size_t tally_hops_count(const struct tally_hops *tally)
{
    return tally->hops.count;
}

const struct hop_count *tally_hops_at(const struct tally_hops *tally, size_t at)
{
    return table_at(&tally->hops, at);
}

size_t tally_hop_places(const struct tally_hops *tally)
{
    return tally->places.count;
}

const struct hop_place *tally_hop_place_at(const struct tally_hops *tally, size_t at)
{
    return table_at(&tally->places, at);
}

size_t tally_hop_scopes(const struct tally_hops *tally)
{
    return tally->scopes.count;
}

const struct hop_scope *tally_hop_scope_at(const struct tally_hops *tally, size_t at)
{
    return table_at(&tally->scopes, at);
}

uint32_t tally_hops_packets(const struct tally_hops *tally)
{
    return tally->packets;
}

uint32_t tally_hops_relayed(const struct tally_hops *tally, unsigned type, size_t frame_bytes)
{
    return tally->relayed[type][frame_bytes];
}

uint32_t tally_hops_received(const struct tally_hops *tally, unsigned type)
{
    return tally->received[type];
}
