/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/gather.h"

#include "cmd/server/tally/reception.h"

bool gather_begin(struct gather *gather, struct analytics_turn *turn)
{
    *gather = (struct gather){0};
    if (!ways_init(&gather->ways, turn->facts.directory, turn->facts.summary))
        return false;
    gather->links = links_new(&gather->ways);
    if (gather->links == NULL)
        return false;
    analysis_of_summary(turn, 1U << TALLY_paths);
    /* Of a window that is cut they are not either. */
    turn->is_complete = turn->is_complete && (turn->is_window_cut || gather->links->is_complete);
    return true;
}

void gather_done(struct gather *gather)
{
    links_unref(gather->links);
    ways_done(&gather->ways);
}

void gather_write_stop(struct json_write *w, const struct stop_keys *keys,
                       const struct gather *gather, way_stop stop)
{
    uint8_t bytes[HOP_BYTES_MAX];
    const uint32_t hop = links_hop(gather->links, gather->ways.directory, stop);
    const struct node *node = stop_node(gather->ways.directory, stop);
    hop_unpack(hop, bytes);
    jw_hex_upper(w, keys->hop, bytes, hop_size(hop));
    jw_string_or_null(w, keys->name, node != NULL ? node->name : "");
    if (node != NULL)
        jw_hex_lower(w, keys->pubkey, node->key, sizeof node->key);
    else
        jw_null(w, keys->pubkey);
}

void write_moment(struct json_write *w, const char *key, const struct ways *ways, uint32_t at)
{
    jw_time(w, key, (ways->origin_ms + at) * US_PER_MS);
}
