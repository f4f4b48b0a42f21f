/* SPDX-License-Identifier: MIT
 *
 * gather - what most analyses of paths begin with: the ways of the window and the links that they
 * show; and how a stop is written.
 * Threads: that of the turn. Ownership: gather_done. */
#pragma once

#include "cmd/server/analytics/analysis.h"
#include "cmd/server/paths/links.h"

struct gather {
    struct ways ways;
    struct links *links; /* owned */
};

/* False = no memory; gather_done all the same. The turn learns the window and whether it is
 * complete. */
NODISCARD bool gather_begin(struct gather *gather, struct analytics_turn *turn);
void gather_done(struct gather *gather);

/* The members of a stop between the caller's braces: its hop, and of a node its name and key. */
struct stop_keys {
    const char *hop, *name, *pubkey;
};
void gather_write_stop(struct json_write *w, const struct stop_keys *keys,
                       const struct gather *gather, way_stop stop);
/* Of the window: milliseconds behind its begin. */
void write_moment(struct json_write *w, const char *key, const struct ways *ways, uint32_t at);
