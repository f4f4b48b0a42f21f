/* SPDX-License-Identifier: MIT
 *
 * source - a stream of candidates, ordered by id: what one index, or a walk along a table, gives.
 *
 * Rows come in chunks that grow, so that several sources can be merged on one connection and a
 * short page reads little. Each source is bounded by a range of ids and by the budget that all of a
 * walk share: no source ever reads on and on.
 * Threads: that of the reader. Errors: as reader.h: a failed question ends every source. Ownership:
 * the caller's memory. Cost: 0.05 us a row of an index, 0.3 us with a look at its packet. */
#pragma once

#include "cmd/server/packets/filter.h"

#define SOURCE_CHUNK 64

struct reader;

enum source_kind {
    /* candidates are packets, ordered by transmissions.id */
    SOURCE_PACKETS,
    SOURCE_TYPE,    /* key: the type */
    SOURCE_SENDER,  /* key: a node's id */
    SOURCE_CHANNEL, /* key: a channel's id */
    SOURCE_RELAYS,  /* of `nodes`, by the paths of all receptions */
    /* candidates are receptions, ordered by observations.id */
    SOURCE_RECEPTIONS,
    SOURCE_OBSERVER, /* key: an observer's id */
    SOURCE_KINDS,
};

/* What is known of a packet without looking again; only of SOURCE_PACKETS, TYPE and SENDER. */
struct candidate {
    int64_t id; /* that of the order */
    int64_t transmission_id;
    bool has_row;
    bool is_relayed; /* a hop of its path named one of the nodes */
    uint8_t type, route;
    int64_t first_ms, sender_id;
    int64_t observer_id; /* of SOURCE_RECEPTIONS */
};

/* Which ids, both included, and where the walk goes. */
struct id_range {
    int64_t low, high;
    bool is_ascending;
};

struct source {
    enum source_kind kind;
    int64_t key;
    const struct filter_nodes *nodes; /* SOURCE_RELAYS */
    struct id_range left;             /* what was not read yet */
    size_t chunk, count, at;
    bool is_ended;
    struct candidate rows[SOURCE_CHUNK];
};

/* among: how many are merged; then each begins with little. */
void source_init(struct source *source, enum source_kind kind, int64_t key,
                 const struct id_range *range, size_t among);
/* The next candidate, which stays the next until source_drop; NULL = there is none, or *budget is
 * used up before the next one was found: then is_ended is false and source_bound says how far it
 * came. */
const struct candidate *source_peek(struct source *source, struct reader *reader, int64_t *budget);
void source_drop(struct source *source);
/* Everything before this id was looked at. */
int64_t source_bound(const struct source *source);
/* How many rows it would give, counted up to `max`; SOURCE_TYPE, SENDER, CHANNEL, OBSERVER. */
int64_t source_count(enum source_kind kind, int64_t key, struct reader *reader, int64_t max);
