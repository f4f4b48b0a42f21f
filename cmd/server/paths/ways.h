/* SPDX-License-Identifier: MIT
 *
 * ways - the paths of the window as analyses walk them: each with who received it, of an advert
 * with who sent it, and with what its hops mean.
 *
 * A stop is where a packet was: a node where the hop means one (hops.h, as of the window's end),
 * else the hop itself. A sender and an observer are stops where they are nodes that may be seen.
 * I1. A way stands for `receptions` receptions. Those of an observer whom nobody shall see, or who
 *     is gone, do not count.
 * Threads: that of the caller. Ownership: all is borrowed but the stops: ways_done. Cost: a hop is
 * looked up once, 1 us; 0.1 us for each hop of each path. Memory: 4 bytes for each hop of each
 * path, while they are walked. */
#pragma once

#include "cmd/server/model/directory.h"
#include "cmd/server/summary/summary.h"
#include "cmd/server/tally/tally_paths.h"

/* A hop as reception.h packs it, or STOP_NODE above a nodes.id. */
typedef uint32_t way_stop;
#define STOP_NONE    0
#define STOP_NODE    0x80000000U
#define WAY_ENDS_MAX (MESHCORE_PATH_MAX + 2)

struct ways {
    /* borrowed */
    const struct directory *directory;
    const struct tally_paths *paths;
    int64_t from_ms, to_ms;
    int64_t origin_ms; /* of moments (summary.h) */
    bool is_complete;
    way_stop *stops; /* owned; that of a hop at the offset of its path + its number */
};

struct way {
    const struct path_heard *heard;
    const struct path_count *path; /* NULL = received from its sender itself */
    const way_stop *stops;         /* stop_count of them */
    size_t stop_count;
    way_stop sender, receiver; /* STOP_NONE = not known, or no node */
    const struct observer *observer;
};

/* False = no memory; ways_done all the same. */
NODISCARD bool ways_init(struct ways *ways, const struct directory *directory,
                         const struct summary *summary);
void ways_done(struct ways *ways);

size_t ways_count(const struct ways *ways);
/* False: it does not count. */
NODISCARD bool ways_at(const struct ways *ways, size_t at, struct way *out);
/* From its sender to its receiver, those that are known. How many. */
size_t way_ends(const struct way *way, way_stop out[static WAY_ENDS_MAX]);
/* Did this stop stand there before, too? */
bool way_was_at(const way_stop *stops, size_t at);

static inline bool stop_is_node(way_stop stop)
{
    return (stop & STOP_NODE) != 0;
}
way_stop stop_of_node(const struct node *node); /* NULL is STOP_NONE */
/* NULL = it is none, or gone meanwhile. */
const struct node *stop_node(const struct directory *directory, way_stop stop);
/* What these hop bytes mean at that moment. */
way_stop stop_of_hop(const struct directory *directory, uint32_t hop, int64_t at_ms);
