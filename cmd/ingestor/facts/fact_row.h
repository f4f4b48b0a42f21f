/* SPDX-License-Identifier: MIT
 *
 * fact_row - one row of a table as RowBinary: its values in the order of its columns, then `ver`.
 *
 * I1. Who puts a value of another kind than the column has finds a bug (assert); one of the right
 *     kind that is too large for the column becomes its nearest.
 * I2. ver depends on the row alone: 42 bits of time (the rule's; negative counts as 0), 22 bits of
 *     a CRC-32C of the row, so that two rows of one time are told apart the same way everywhere.
 * Threads: plain values. Ownership: borrows the writer, which the caller clears between rows. */
#pragma once

#include "cmd/ingestor/facts/fact_table.h"
#include "common/clickhouse/rowbinary.h"

struct fact_row {
    const struct fact_table *table;
    struct rowbinary_writer *w;
    size_t at;          /* column */
    uint64_t shard_key; /* of it the remainder is the shard */
    int64_t ver_ms;
    uint64_t first; /* of the first column: day, or hour */
};

void fact_row_begin(struct fact_row *row, const struct fact_table *table,
                    struct rowbinary_writer *w);
void fact_row_int(struct fact_row *row, int64_t value);
void fact_row_u64(struct fact_row *row, uint64_t value);
void fact_row_real(struct fact_row *row, double value);
void fact_row_bytes(struct fact_row *row, const void *bytes, size_t len);
/* Where the column can't be NULL: 0 or empty. */
void fact_row_null(struct fact_row *row);
/* The next column's, to choose by. */
unsigned fact_row_type(const struct fact_row *row);
/* stamp_ms: of FACT_STAMPED. False: the writer is full. */
NODISCARD bool fact_row_end(struct fact_row *row, int64_t stamp_ms);

/* Which partition the row lies in; 0 where the table has none. */
uint64_t fact_row_partition(const struct fact_row *row);
size_t fact_row_shard(const struct fact_row *row, size_t shards);

/* A name as a number, and the first 8 bytes of a hash or key (missing ones are 0). */
uint64_t fact_number_of_text(const void *text, size_t len);
uint64_t fact_number_of_bytes(const void *bytes, size_t len);
