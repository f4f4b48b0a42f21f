/* SPDX-License-Identifier: MIT
 *
 * reported_scopes - the scopes (regions) that a node has configured, as its neighbours' reports
 * say: of every node the newest answer to the question which scopes it forwards. Only reports whose
 * status was "responded" answer it; a node that nobody asked, or that did not answer, is not here.
 *
 * A report names a node by its key or the beginning of it. Whether that means one node only, the
 * caller knows.
 * Threads: reading, any. Errors: NULL = it could not be read, or no memory. Memory: 60 bytes and
 * the names for each node, at most REPORTED_NODES_MAX. Cost: every reported neighbour, at most
 * 1,024 an observer, 1 us each. */
#pragma once

#include "cmd/server/summary/summary_source.h"
#include "common/base/shared.h"
#include "common/mesh/meshcore.h"

#define REPORTED_NODES_MAX 20000

struct reported_scopes; /* begins with its struct shared */

NODISCARD struct reported_scopes *reported_scopes_read(struct reader *reader);
/* The same of another store (summary_source.h). */
NODISCARD struct reported_scopes *reported_scopes_from(const struct summary_from *from);
/* One answer: neighbor is hex. */
void reported_scopes_note(struct reported_scopes *scopes, const char *neighbor, int64_t as_of_ms,
                          const char *names);
struct shared *reported_scopes_shared(struct reported_scopes *scopes);
void reported_scopes_unref(const struct reported_scopes *scopes); /* accepts NULL */
/* The scopes of the report that names this beginning of a key, as the node sent them (a comma list,
 * "" = none; "*" among them are packets without a scope, as the firmware means it: no region is
 * covered by it), NULL = there is none. */
const char *reported_scopes_find(const struct reported_scopes *scopes, const uint8_t *key,
                                 size_t len, int64_t *out_as_of_ms);
/* Do reports name keys by this many bytes? */
bool reported_scopes_has_len(const struct reported_scopes *scopes, size_t len);
