/* SPDX-License-Identifier: MIT
 *
 * live_filter - which events a live client wants, and what of an event that is asked of.
 *
 *   type      payload types, 0 to 15, in a comma list
 *   region    the observer's IATA codes, a comma list without case; "all" and empty ones count not
 *   observer  observers' ids, a comma list without case
 *   channel   a channel's name as in /api/channels ("Public", "#test", "enc_3A")
 *   node      a public key (64 hex digits): its adverts, and what has a hop that its key begins
 *             with; anything else is a name: adverts under it
 *
 * Beside them stands lastEventId, the id of the last observation that was seen, for who can't send
 * Last-Event-ID. All that are given must fit. Texts are compared by 64 bits of a hash, for an event
 * is looked at once for each client: two texts that share one would pass each other's filter, which
 * shows somebody a public event that was not asked for.
 * Threads: pure. Limits: LIVE_FILTER_VALUES in a list. Cost: 20 ns an event. */
#pragma once

#include "cmd/server/http/query.h"

#define LIVE_FILTER_VALUES 16

/* Keys are 0 where there is no such thing. */
struct live_tags {
    uint64_t observer, region, channel; /* of the observer's id and region without case */
    uint64_t node, name;                /* of an advert's key in hex, without case, and name */
    uint8_t type;
    uint8_t hop_bytes, path_len; /* the path itself stands in the event */
};

struct live_filter {
    uint16_t types; /* a bit for each; 0 = all */
    uint8_t observer_count, region_count;
    bool is_node_key;
    uint64_t observers[LIVE_FILTER_VALUES], regions[LIVE_FILTER_VALUES];
    uint64_t channel, node;
    uint8_t node_key[32];
};

/* The parameters of /api/live and of a WebSocket's path. */
extern const struct http_parameter live_parameters[];

uint64_t live_key(const char *text, size_t len);
uint64_t live_key_folded(const char *text, size_t len); /* a to z and A to Z are the same */

/* NULL, or why the query can't be obeyed, a static text, and the parameter that is to blame. */
NODISCARD const char *live_filter_read(const struct http_query *query, struct live_filter *out,
                                       const char **out_field);
bool live_filter_passes(const struct live_filter *filter, const struct live_tags *tags,
                        const uint8_t *path);
