/* SPDX-License-Identifier: MIT
 *
 * fresh_packets - new transmissions of the open transaction, in memory until all of them are
 * written at once; as fresh.h, and for its reasons.
 *
 * What the copies that follow in the same transaction change of them (first and last receipt,
 * count, the earliest frame) is changed here, so that most transmissions are one insert and no
 * update.
 * I1. A row has its id from the first moment: the ids follow the newest one of the table, without a
 *     gap, in the order of fresh_packets_keep.
 * I2. Nothing here outlives the transaction: fresh_packets_write before its commit, else
 *     fresh_packets_clear. Whoever reads or changes the table by another way inside the
 *     transaction writes first; none waits when a savepoint begins, which would take it along.
 * Limits: FRESH_PACKETS rows, 1.3 MB, fixed. Threads: the connection's. Errors: SQLite's code as
 * db_status translates it. */
#pragma once

#include "common/db/statement.h"
#include "common/mesh/meshcore.h"

#define FRESH_PACKETS 4096

struct packet_row {
    int64_t id;
    int64_t first_ms, last_ms; /* receipts */
    int64_t copies;            /* observations */
    int64_t sender;            /* 0 = NULL */
    uint8_t hash[MESHCORE_HASH_BYTES];
    uint8_t type, route, raw_len;
    bool is_forged;
    uint8_t raw[MESHCORE_FRAME_MAX];
};

struct fresh_packets;

/* The connection owns it. NULL: *err says why. */
NODISCARD struct fresh_packets *fresh_packets_open(struct connection *connection, struct err *err);

bool fresh_packets_have_room(const struct fresh_packets *packets); /* for one more */
bool fresh_packets_are_empty(const struct fresh_packets *packets);
/* The id for a row that is new. May read the table. */
NODISCARD enum status fresh_packets_next_id(struct fresh_packets *packets, int64_t *out);
/* A new row, whose id is the next one. Room is there. */
void fresh_packets_keep(struct fresh_packets *packets, const struct packet_row *row);
/* NULL: it is in the table, or nowhere. May be changed until the next write, but for its id. */
struct packet_row *fresh_packets_find(struct fresh_packets *packets, int64_t id);
/* All of them to the table; none is left here. After an error they are still here, and some may
 * stand in the table. */
NODISCARD enum status fresh_packets_write(struct fresh_packets *packets);
void fresh_packets_clear(struct fresh_packets *packets);
