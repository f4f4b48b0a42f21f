/* SPDX-License-Identifier: MIT
 *
 * hops - which node a hop means. A hop is the first 1 to 3 bytes of a node's key.
 *
 * The rule is that of nodes.last_relayed_ms (the ingestor's): a hop of two or three bytes means the
 * one known node whose key begins so; one of a single byte, which many keys share, the one among
 * the nodes that were known and advertised in the seven days before. Where there are several, or
 * none, it means nobody: a guess is worse. Whom nobody shall see counts among them, but is not
 * told.
 * Pure. Threads: any. Ownership: nodes live as long as the directory. */
#pragma once

#include "cmd/server/model/directory.h"

#define HOPS_CANDIDATES_MAX 64

/* at_ms: when the hop was heard. NULL = nobody, or not known who. */
const struct node *hops_node(const struct directory *directory, const uint8_t *hop, size_t size,
                             int64_t at_ms);
/* All that it may mean but those whom nobody shall see, the ones heard last first: the first
 * HOPS_CANDIDATES_MAX of them. How many there are. */
size_t hops_candidates(const struct directory *directory, const uint8_t *hop, size_t size,
                       const struct node *out[static HOPS_CANDIDATES_MAX]);
