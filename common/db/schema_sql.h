/* SPDX-License-Identifier: MIT
 *
 * schema_sql - how the rows of transmissions and observations are found and read, as pieces of SQL
 * for the statements of both programs. */
#pragma once

/* The condition that finds the transmission with a content hash (an SQL expression, a blob of eight
 * bytes), at most one row. Its hash stands in one of four tables (hash_index.h), the newest row in
 * the first; one whose transmission has left is true of nothing. Of older ones hash_prefixes holds
 * the first four bytes: of five million contents one in a thousand shares them with another, and
 * the row of the transmission tells. */
#define SCHEMA_PREFIX(hash) "substr(" hash ", 1, 4)"
#define SCHEMA_IS_HASH(hash)                                                                       \
    "id = coalesce((SELECT id FROM hashes_new WHERE hash = " hash                                  \
    "), (SELECT id FROM hashes_recent WHERE hash = " hash                                          \
    "), (SELECT p.id FROM hash_prefixes p CROSS JOIN transmissions x ON x.id = p.id"               \
    " WHERE p.prefix = " SCHEMA_PREFIX(hash) " AND x.hash = " hash                                 \
                                             "), (SELECT id FROM hashes WHERE hash = " hash        \
                                             ")) AND hash = " hash

/* The key of an observation is (transmission, observer, direction, path_size, path). Its first two
 * columns lead to it by the table observation_keys; the rest stands in its row alone. The writer
 * adds to it, a trigger takes away. FROM and WHERE of the observations o of a transmission (an SQL
 * expression), and of their keys k: */
#define SCHEMA_OBSERVATIONS_OF(id)                                                                 \
    "observation_keys k CROSS JOIN observations o ON o.id = k.id WHERE k.transmission_id = " id

/* The table type_blocks: how many transmissions of a type have ids that are the same but for the
 * last SCHEMA_BLOCK_BITS bits; no row = none. From a type to its packets, by looking at those
 * blocks alone, in a fifth of the bytes that an index of each packet takes. The writer adds to it,
 * a trigger takes away. */
#define SCHEMA_BLOCK_BITS      6
#define SCHEMA_TEXT_OF(n)      #n
#define SCHEMA_TEXT(n)         SCHEMA_TEXT_OF(n)
#define SCHEMA_BLOCK(id)       id " >> " SCHEMA_TEXT(SCHEMA_BLOCK_BITS)
#define SCHEMA_BLOCK_AT(block) "(" block " << " SCHEMA_TEXT(SCHEMA_BLOCK_BITS) ")"
/* FROM and WHERE of the transmissions t of a type, with ids from first to last (SQL expressions);
 * in the order of b.block and t.id nothing is sorted. */
#define SCHEMA_OF_TYPE(type, first, last)                                                          \
    "type_blocks b CROSS JOIN transmissions t NOT INDEXED WHERE b.type = " type                    \
    " AND b.block BETWEEN " SCHEMA_BLOCK(first) " AND " SCHEMA_BLOCK(                              \
        last) " AND t.id BETWEEN max(" first                                                       \
              ", " SCHEMA_BLOCK_AT("b.block") ") AND min(" last ", " SCHEMA_BLOCK_AT(              \
                  "b.block + 1") " - 1) AND t.type = " type

/* What rows of version 11 hold in fewer bytes; who reads asks for the generated column (last_ms,
 * observation_count; envelope_ms, snr, is_skewed), which is right in rows of any version.
 * A transmission's form is SCHEMA_IS_SHORT(first_ms, last_ms), 1 as good as always: `lasted` is the
 * milliseconds between the two plus SCHEMA_LASTED_FROM, so less than first_ms, and `copies` one
 * more than observation_count. Otherwise, and in rows of former versions, they are last_ms and
 * observation_count themselves. What these begin at keeps a row from growing with its second
 * reception: pages are full by then, and every tenth byte of them was lost where rows outgrew them.
 * observations.form: 0 = `said` is what the publisher's clock was ahead of receipt_ms, and a whole
 * number in `heard` counts quarters of a dB (any other SNR is a real number: dB); 2 = so, too, and
 * is_skewed. NULL and 1 (is_skewed) are rows of former versions: `said` is a time, `heard` dB. */
#define SCHEMA_LASTED_FROM_MS        256
#define SCHEMA_LASTED_FROM           SCHEMA_TEXT(SCHEMA_LASTED_FROM_MS)
#define SCHEMA_IS_SHORT(first, last) "(" last " - " first " + " SCHEMA_LASTED_FROM " < " first ")"
#define SCHEMA_LASTED(first, last)                                                                 \
    "iif(" SCHEMA_IS_SHORT(first, last) ", " last " - " first " + " SCHEMA_LASTED_FROM ", " last ")"
#define SCHEMA_FORM        0
#define SCHEMA_FORM_SKEWED 2
