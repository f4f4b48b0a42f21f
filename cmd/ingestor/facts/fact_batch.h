/* SPDX-License-Identifier: MIT
 *
 * fact_batch - the rows of one batch, each of a table and a shard, and the blocks they become.
 *
 * I1. A block holds rows of one table and one shard, at most FACT_BLOCK_ROWS and, but for a single
 *     larger row, FACT_BLOCK_BYTES, of at most FACT_BLOCK_PARTITIONS partitions: no server splits
 *     or refuses it. Its rows stand by partition, else in the order in which they came (a server
 *     sorts them itself; what matters is that the same block is always the same bytes: it is made
 *     once).
 * I2. What was added since fact_batch_mark is taken back by fact_batch_undo.
 * Threads: none of its own. Memory: the rows of a batch, at most FACT_BATCH_BYTES. */
#pragma once

#include "cmd/ingestor/facts/fact_row.h"

#define FACT_BLOCK_ROWS       5000
#define FACT_BLOCK_BYTES      ((size_t)1 << 20)
#define FACT_BLOCK_PARTITIONS 32
#define FACT_BATCH_BYTES      ((size_t)128 << 20)

struct fact_batch;

struct fact_block {
    enum fact fact;
    size_t shard;
    uint64_t rows;
    const uint8_t *bytes; /* borrowed until the next call */
    size_t len;
};

NODISCARD struct fact_batch *fact_batch_new(size_t shards); /* NULL = no memory */
void fact_batch_free(struct fact_batch *batch);

/* The row under way; fact_row's functions fill it. */
struct fact_row *fact_batch_begin(struct fact_batch *batch, enum fact fact);
/* False: no memory, or the batch is too large; it is then to be cleared. */
NODISCARD bool fact_batch_end(struct fact_batch *batch, int64_t stamp_ms);
/* To fact_source_row: it begins and ends the row itself. */
struct rowbinary_writer *fact_batch_writer(struct fact_batch *batch);
NODISCARD bool fact_batch_add(struct fact_batch *batch, const struct fact_row *row);

void fact_batch_mark(struct fact_batch *batch);
void fact_batch_undo(struct fact_batch *batch);
void fact_batch_clear(struct fact_batch *batch);
size_t fact_batch_rows(const struct fact_batch *batch);

/* The next block, from the first on behind fact_batch_sort. False: there is none left, or no
 * memory, which *out_failed tells. */
void fact_batch_sort(struct fact_batch *batch);
NODISCARD bool fact_batch_next(struct fact_batch *batch, struct fact_block *out, bool *out_failed);
