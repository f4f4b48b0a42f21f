/* SPDX-License-Identifier: MIT
 *
 * packet_read - packets and receptions out of the database, for packet.h.
 *
 * Ids first: who lists packets finds their ids by a statement of its own that touches one table,
 * orders by id and has a limit, and then reads each one here. A look-up by id costs 1 us inside a
 * question, so an order of ids is kept by asking in that order.
 * Out of another store its engine reads them (engine.h).
 * Threads: that of the asking. Errors: as reader.h: what can't be read looks like what is not
 * there, and the question has failed. */
#pragma once

#include "cmd/server/model/engine.h"
#include "cmd/server/model/packet.h"

struct asking;
struct statement;

/* Receptions of one packet that an answer shows; a repeater that repeats for ever is cut. */
#define PACKET_OBSERVATIONS_MAX 1000

/* For a family's own statements: these columns from `transmissions t`, from `observations o`, and
 * which observation is shown for a packet: of those with the longest path the earliest. */
#define PACKET_COLUMNS                                                                             \
    "t.id, t.hash, t.type, t.route, t.observation_count, t.first_ms, t.last_ms, t.is_forged, t.raw"
#define PACKET_COLUMN_COUNT 9
#define PACKET_OBSERVATION_COLUMNS                                                                 \
    "o.id, o.observer_id, o.direction, o.path_size, o.path, o.snr, o.rssi, o.receipt_ms,"          \
    " coalesce(o.route, -1), coalesce(o.scope_code, -1), coalesce(o.scope_id, 0)"
#define PACKET_OBSERVATION_COLUMN_COUNT 11
#define PACKET_BEST_OBSERVATION                                                                    \
    "o.id = (SELECT x.id FROM observation_keys k CROSS JOIN observations x ON x.id = k.id WHERE"   \
    " k.transmission_id = t.id ORDER BY length(x.path) / max(x.path_size, 1) DESC, x.id LIMIT 1)"

/* From the columns that begin at `column`. */
void packet_read_columns(const struct statement *row, int column, struct packet *out);
/* packet: its route is that of receptions of the first schema, which had none. */
void packet_read_observation_columns(const struct statement *row, int column,
                                     const struct packet *packet, struct packet_observation *out);

/* False = there is no such packet (any more). */
NODISCARD bool packet_read_best(struct asking *asking, int64_t transmission_id, struct packet *out,
                                struct packet_observation *out_shown);
/* Shown with this observation, which is one of its own. */
NODISCARD bool packet_read_shown(struct asking *asking, int64_t transmission_id,
                                 int64_t observation_id, struct packet *out,
                                 struct packet_observation *out_shown);
/* The packet's id; 0 = there is none. */
int64_t packet_find_hash(struct asking *asking, const uint8_t hash[static MESHCORE_HASH_BYTES]);
/* The hash of a tally's sample (reception.h, transmission_id). False = it is not there any more. */
NODISCARD bool packet_sample_hash(struct asking *asking, int64_t transmission_id,
                                  uint8_t out[static MESHCORE_HASH_BYTES]);
/* count hashes, one behind the other, that will be asked for: only a hint. */
void packet_prefetch(struct asking *asking, const uint8_t *hashes, size_t count);
int64_t packet_find_observation(struct asking *asking, int64_t observation_id);

/* Calls `each` for the receptions, for the first PACKET_OBSERVATIONS_MAX: in the order in which
 * they were committed, or by their receipt. (An engine that counts no commits knows the other order
 * alone.) How many there were. */
size_t packet_each_observation(struct asking *asking, const struct packet *packet, packet_each each,
                               void *context);
size_t packet_each_by_time(struct asking *asking, const struct packet *packet, packet_each each,
                           void *context);
