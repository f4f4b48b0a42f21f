/* SPDX-License-Identifier: MIT
 *
 * fresh - observations of the open transaction, in memory until all of them are written at once.
 *
 * Why: of what a message costs the database a good part is the way there: a statement for the row
 * and one for its key, each with its values bound, its cursors opened and closed; and before them a
 * look for a row that has the key. Here one statement writes all rows, in the order of their ids,
 * and one all keys, in theirs; both read this memory as a virtual table. Copies that come in one
 * transaction, as those of several observers and brokers do, find each other without the database.
 * Measured with 2,500 rows a transaction: a row with its key 7.2 -> 4.6 us, and no look.
 * I1. A row has its id from the first moment: the ids follow the newest one of the table, without a
 *     gap, in the order of fresh_keep.
 * I2. Of a transmission whose first observation came since the last fresh_write, all are here
 *     (fresh_has_all).
 * I3. Nothing here outlives the transaction: fresh_write before its commit, else fresh_clear.
 *     Whoever reads or changes the table by another way inside the transaction writes first.
 * Limits: FRESH_ROWS rows, 1 MB, fixed. Threads: the connection's. Errors: SQLite's code as
 * db_status translates it. Cost: 60 ns to find or keep one; nothing is allocated for a row. */
#pragma once

#include "common/db/statement.h"
#include "common/mesh/meshcore.h"

#define FRESH_ROWS 4096

/* What copies measured and said, in the order of the column `filled`. SAID is a time in ms, exact
 * as a double up to 2^53. */
enum observation_value {
    OBSERVATION_SNR,
    OBSERVATION_RSSI,
    OBSERVATION_SCORE,
    OBSERVATION_SAID,
    OBSERVATION_VALUES
};

#define OBSERVATION_NO_SCOPE     (-1)
#define OBSERVATION_ORIGIN_BYTES 8
#define OBSERVATION_FILLED_BYTES (OBSERVATION_VALUES * OBSERVATION_ORIGIN_BYTES)

struct observation_row {
    int64_t id;
    /* its key */
    int64_t transmission_id, observer_id;
    uint8_t direction, path_size, path_bytes;
    /* what copies can change */
    uint8_t route;
    bool is_skewed;
    int32_t scope_code; /* OBSERVATION_NO_SCOPE = NULL */
    int64_t source_id, receipt_ms;
    int64_t scope_id;                    /* 0 = NULL */
    double values[OBSERVATION_VALUES];   /* NaN = NULL */
    int64_t origins[OBSERVATION_VALUES]; /* receipts of the copies they are of, where there are */
    uint8_t path[MESHCORE_PATH_MAX];     /* path_bytes of them */
};

struct fresh;

/* The connection owns it. NULL: *err says why. */
NODISCARD struct fresh *fresh_open(struct connection *connection, struct err *err);

/* --- rows of the open transaction ------------------------------------------------------------- */

bool fresh_has_room(const struct fresh *fresh); /* for one more */
bool fresh_is_empty(const struct fresh *fresh);
/* True: the table has no row of this transmission, whatever is found here. */
bool fresh_has_all(const struct fresh *fresh, int64_t transmission_id);
/* The row with the key of `key`, else NULL; borrowed until the next fresh_keep. */
const struct observation_row *fresh_find(const struct fresh *fresh,
                                         const struct observation_row *key);
/* The id for a row that is new. May read the table. */
NODISCARD enum status fresh_next_id(struct fresh *fresh, int64_t *out);
/* A new row, whose id is the next one; or what became of one that is here. is_first: its
 * transmission has none besides. Room for a new one is there. */
void fresh_keep(struct fresh *fresh, const struct observation_row *row, bool is_first);
/* All of them to the tables observations and observation_keys; none is left here. After an error
 * they are still here, and some may stand in the tables. */
NODISCARD enum status fresh_write(struct fresh *fresh);
void fresh_clear(struct fresh *fresh);

/* --- columns ---------------------------------------------------------------------------------- */

/* As schema_sql.h says of rows of version 11. True: `heard` holds this number of quarters of a dB,
 * as radios measure and nearly always say; else the SNR itself. */
bool observation_quarters(const struct observation_row *row, int64_t *out);
/* False: `filled` is NULL, every value is of the copy that the row's receipt is of. */
bool observation_filled(const struct observation_row *row, uint8_t out[OBSERVATION_FILLED_BYTES]);
/* Milliseconds that the publisher's clock was ahead; the value is there. */
int64_t observation_said(const struct observation_row *row);
int observation_form(const struct observation_row *row);
