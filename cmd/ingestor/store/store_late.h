/* SPDX-License-Identifier: MIT
 *
 * store_late - what is counted behind the messages, by observation id: which nodes relayed, who
 * hears a node (node_observers), neighbor_edges, and the rollups that schema.h says are counted
 * late; of those the sizes of frames by transmission id.
 *
 * Why late: a hop is a few bytes of a key, and which node they mean is a look into the nodes for
 * each hop of each path; and a reception is worth ten rows of these rollups and three edges. In the
 * batch of the message that would be paid by every commit, with a page of the log for most of the
 * rows; here it is paid in slices, when nothing waits. A slice gathers in memory and writes
 * nothing, until all is counted or the memory is full; what was gathered then goes to the tables in
 * sorted order, at once where it is little, else as pieces (pieces.h), some a slice. How far it has
 * come stands in `jobs` and in the pieces, and moves in the transaction of what was counted, so
 * that a kill counts nothing twice and leaves nothing out; what was gathered is counted once more.
 * Measured on ten million observations, 100,000 messages and what was left of them: written for
 * this 11,200 -> 820 bytes a message, 81 -> 34 us, slices of 11 ms.
 *
 * nodes.last_relayed_ms: the newest receipt of a flood that came over the node. Of the hops that a
 * heard flood names, one of two or three bytes means the one known node whose key begins so, one of
 * a single byte the one among the nodes heard in the seven days before the receipt; where there
 * are several, or none, it means nobody.
 * I1. Each observation is counted once: in the order of ids, or when it leaves before its turn.
 *     One that changes behind its turn is taken back as it was and counted as it is, when all that
 *     was counted is in the tables; before it, nothing is to be done. So rollups, edges and
 *     node_observers equal a recount of the rows up to the position in `jobs`, of the hours and
 *     days that retention has left whole; while there are pieces, some of them hold more.
 * I2. The rule looks at the observation's row and at the nodes' keys, first_ms and last_ms, never
 *     at what it has found so far: store_late_recount over the same nodes and rows finds the same.
 *     (A row whose earlier copy comes after its turn was counted at the later receipt: true, too.)
 * I3. Rows up to jobs.value were stored by a program before schema version 6, which took the pair
 *     of schema_is_invented_rf for a measurement. Until their turn they count so, also where a copy
 *     changes them; at their turn the rollups are put right.
 * I4. Rows up to jobs.done were counted by schema version 6: who relayed there is known, and
 *     what it wrote to rollups is right. They are looked at once more for what came later.
 * I5. The edges of rows up to the position of STORE_LATE_EDGES_JOB were counted when they came, by
 *     a program before schema version 10. The times of a copy, which has no row, are noted when it
 *     comes, without a count.
 * Threads and errors as store.h. Memory: 4 MB. Cost: 3 us a hop among 2,000 nodes; the rest 5 us an
 * observation, 12 bytes. A row that changes while it is gathered has all of it written at once, up
 * to 0.2 s: one copy of an earlier receipt, a minute late, can meet it once a gathering. */
#pragma once

#include "cmd/ingestor/store/store.h"

/* In `jobs`; position: the last observation and the last transmission that were counted. */
#define STORE_LATE_JOB         "count_late"
#define STORE_LATE_PACKETS_JOB "count_late_packets"
#define STORE_LATE_EDGES_JOB   "count_late_edges"

/* The newest observation, and the last that was counted; 0 = none. */
struct store_late_state {
    int64_t newest, counted;
};
NODISCARD enum status store_late_state(struct store *store, struct store_late_state *out);
/* Count observations up to `until`, of which there need be none, then all transmissions. Inside a
 * transaction, which may have written nothing in the end (store_has_written). */
NODISCARD enum status store_late_count(struct store *store, int64_t until,
                                       struct store_slice *slice, bool *out_at_end);

/* --- for the room ----------------------------------------------------------------------------- */

struct store_origin;
struct store_reception;

NODISCARD enum status store_late_open(struct store *store, struct err *err);
void store_late_close(struct store *store); /* accepts one that was never open */
void store_late_forget(struct store *store);

/* Before rows leave: what was counted goes to the tables; *out_is_settled: all of it has, else the
 * slice is over. After them: what they were worth. */
NODISCARD enum status store_late_settle(struct store *store, struct store_slice *slice,
                                        bool *out_is_settled);
NODISCARD enum status store_late_left(struct store *store);

/* An observation changes: what the two are to rollups and edges (is_former, is_counted,
 * has_edges). */
NODISCARD enum status store_late_change(struct store *store, int64_t id,
                                        struct store_reception *was, struct store_reception *is);
/* True in *out: this transmission is counted. */
NODISCARD enum status store_late_has_packet(struct store *store, int64_t id, bool *out);
/* An observation, a transmission leaves: it is counted now, if its turn has not come; else who
 * hears its node no longer counts it. */
NODISCARD enum status store_late_leaving(struct store *store, int64_t id,
                                         const struct store_reception *reception);
NODISCARD enum status store_late_packet_leaving(struct store *store, int64_t id,
                                                const struct store_origin *origin);
/* Is it counted in neighbor_edges? Behind store_late_settle. */
bool store_late_has_edges(const struct store *store, int64_t id);
/* For a rebuild, in its transaction, when all rollups are made anew: forget what stored packets
 * told, and count all of them; rollups of hours before from_hour keep what they have. Makes nobody
 * active. */
NODISCARD enum status store_late_recount(struct store *store, int64_t from_hour);
