/* SPDX-License-Identifier: MIT
 *
 * store_late - what is counted behind the messages, by observation id: which nodes relayed.
 *
 * Why late: a hop is a few bytes of a key, and which node they mean is a look into the nodes for
 * each hop of each path. In the batch of the message that would be paid by every commit; here it
 * is paid in slices, when nothing waits. How far it has come stands in `jobs` and moves in the
 * transaction of what was counted, so that a kill counts nothing twice and leaves nothing out.
 *
 * nodes.last_relayed_ms: the newest receipt of a flood that came over the node. Of the hops that a
 * heard flood names, one of two or three bytes means the one known node whose key begins so, one of
 * a single byte the one among the nodes heard in the seven days before the receipt; where there
 * are several, or none, it means nobody.
 * I1. Each observation is counted once: in the order of ids, or when it leaves before its turn.
 * I2. The rule looks at the observation's row and at the nodes' keys, first_ms and last_ms, never
 *     at what it has found so far: store_late_recount over the same nodes and rows finds the same.
 *     (A row whose earlier copy comes after its turn was counted at the later receipt: true, too.)
 * I3. Rows up to jobs.value were stored by a program before schema version 6, which took the pair
 *     of schema_is_invented_rf for a measurement. Until their turn they count so, also where a copy
 *     changes them; at their turn the rollups are put right.
 * I4. Rows up to jobs.done were counted by schema version 6: who relayed there is known, and
 *     rollups are right. They are looked at once more for what came later: the rows of the table
 *     hours.
 * Threads and errors as store.h. Memory: 0.3 MB. Cost: 3 us a hop among 2,000 nodes. */
#pragma once

#include "cmd/ingestor/store/store.h"

#define STORE_LATE_JOB "count_late" /* in `jobs` */

/* The newest observation, and the last that was counted; 0 = none. */
struct store_late_state {
    int64_t newest, counted;
};
NODISCARD enum status store_late_state(struct store *store, struct store_late_state *out);
/* Count observations up to `until`, of which there need be none. Inside a transaction. */
NODISCARD enum status store_late_count(struct store *store, int64_t until,
                                       struct store_slice *slice, bool *out_at_end);

/* --- for the room ----------------------------------------------------------------------------- */

struct store_reception;

NODISCARD enum status store_late_open(struct store *store, struct err *err);
void store_late_close(struct store *store); /* accepts one that was never open */
void store_late_forget(struct store *store);
/* The pending updates of nodes. */
NODISCARD enum status store_late_write(struct store *store);
void store_late_clear(struct store *store);

/* True in *out: this observation still counts as an older program counted it (I3). */
NODISCARD enum status store_late_is_former(struct store *store, int64_t id, bool *out);
/* An observation leaves: it is counted now, if its turn has not come. */
NODISCARD enum status store_late_leaving(struct store *store, int64_t id,
                                         const struct store_reception *reception);
/* For a rebuild, in its transaction, when all rollups are made anew: forget what stored packets
 * told, and count all of them. Makes nobody active. */
NODISCARD enum status store_late_recount(struct store *store);
