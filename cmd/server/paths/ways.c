/* SPDX-License-Identifier: MIT */
#include "cmd/server/paths/ways.h"

#include "cmd/server/model/hops.h"
#include "cmd/server/tally/table.h"

#include <stdlib.h>
#include <string.h>

#define HOPS_KNOWN_MAX 65536

/* What a hop meant when it was looked up. */
struct known {
    uint32_t hop; /* the key */
    way_stop stop;
};

way_stop stop_of_node(const struct node *node)
{
    const bool is_stop =
        node != NULL && !node->is_hidden && node->id > 0 && node->id < (int64_t)STOP_NODE;
    return is_stop ? STOP_NODE | (uint32_t)node->id : STOP_NONE;
}

const struct node *stop_node(const struct directory *directory, way_stop stop)
{
    return stop_is_node(stop) ? directory_node(directory, stop & ~STOP_NODE) : NULL;
}

way_stop stop_of_hop(const struct directory *directory, uint32_t hop, int64_t at_ms)
{
    uint8_t bytes[HOP_BYTES_MAX];
    hop_unpack(hop, bytes);
    const way_stop node = stop_of_node(hops_node(directory, bytes, hop_size(hop), at_ms));
    return node != STOP_NONE ? node : hop;
}

static way_stop look_up(const struct ways *ways, struct table *hops, uint32_t hop)
{
    bool is_new;
    struct known *known = table_take(hops, &hop, &is_new);
    if (known == NULL)
        return stop_of_hop(ways->directory, hop, ways->to_ms);
    if (is_new)
        known->stop = stop_of_hop(ways->directory, hop, ways->to_ms);
    return known->stop;
}

static void find_stops(struct ways *ways)
{
    struct table hops;
    table_init(&hops, sizeof(struct known), sizeof(uint32_t), HOPS_KNOWN_MAX);
    for (size_t i = 0; i < tally_paths_count(ways->paths); i++) {
        const struct path_count *path = tally_paths_at(ways->paths, i);
        const uint8_t *bytes = tally_path_bytes(ways->paths, path);
        for (size_t j = 0; j < path->hop_count; j++)
            ways->stops[path->offset + j] =
                look_up(ways, &hops, hop_pack(bytes + j * path->hop_bytes, path->hop_bytes));
    }
    table_done(&hops);
}

bool ways_init(struct ways *ways, const struct directory *directory, const struct summary *summary)
{
    const struct summary_window window = summary_window(summary, 1U << TALLY_paths);
    *ways = (struct ways){.directory = directory,
                          .paths = summary_paths(summary),
                          .from_ms = window.from_ms,
                          .to_ms = window.to_ms,
                          .origin_ms = window.origin_ms,
                          .is_complete = window.is_complete};
    ways->stops = calloc(tally_paths_bytes(ways->paths) + 1, sizeof *ways->stops);
    if (ways->stops == NULL)
        return false;
    find_stops(ways);
    return true;
}

void ways_done(struct ways *ways)
{
    free(ways->stops);
    ways->stops = NULL;
}

size_t ways_count(const struct ways *ways)
{
    return tally_paths_heard_count(ways->paths);
}

bool ways_at(const struct ways *ways, size_t at, struct way *out)
{
    const struct path_heard *heard = tally_paths_heard_at(ways->paths, at);
    const struct observer *observer = directory_observer(ways->directory, heard->observer);
    if (observer == NULL || observer->is_hidden)
        return false;
    *out = (struct way){
        .heard = heard, .observer = observer, .receiver = stop_of_node(observer->node)};
    if (heard->sender != 0)
        out->sender = stop_of_node(directory_node(ways->directory, heard->sender));
    if (heard->path != PATH_NONE) {
        out->path = tally_paths_at(ways->paths, heard->path);
        out->stops = ways->stops + out->path->offset;
        out->stop_count = out->path->hop_count;
    }
    return true;
}

size_t way_ends(const struct way *way, way_stop out[static WAY_ENDS_MAX])
{
    size_t count = 0;
    if (way->sender != STOP_NONE)
        out[count++] = way->sender;
    for (size_t i = 0; i < min_size(way->stop_count, MESHCORE_PATH_MAX); i++)
        out[count++] = way->stops[i];
    if (way->receiver != STOP_NONE)
        out[count++] = way->receiver;
    return count;
}

bool way_was_at(const way_stop *stops, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (stops[i] == stops[at])
            return true;
    return false;
}
