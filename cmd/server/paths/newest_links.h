/* SPDX-License-Identifier: MIT
 *
 * newest_links - the links (links.h) of the whole mesh for who asks about one node or one path: a
 * by-product of the analysis neighbor-graph, which is asked for when they are missing or old.
 * Threads: any that may wait. Ownership: one links_unref. */
#pragma once

#include "cmd/server/analytics/analytics.h"
#include "cmd/server/paths/links.h"

/* NULL: the reply says to come again. */
const struct links *newest_links_take(struct asking *asking, struct http_reply *reply);
