/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/facts/fact_batch.h"

#include <stdlib.h>
#include <string.h>

#define ROW_MAX     ((size_t)1 << 20)
#define PLACES_MORE 1024

/* Where a row is. */
struct place {
    uint64_t partition;
    uint32_t at, len;
    uint16_t fact, shard;
};

struct fact_batch {
    size_t shards;
    struct fact_row row;            /* under way */
    struct rowbinary_writer writer; /* its bytes */
    struct rowbinary_writer rows, block;
    struct place *places;
    size_t count, cap, next;
    size_t marked_count, marked_len;
};

struct fact_batch *fact_batch_new(size_t shards)
{
    struct fact_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    batch->shards = shards;
    rowbinary_init(&batch->writer, ROW_MAX);
    rowbinary_init(&batch->rows, FACT_BATCH_BYTES);
    rowbinary_init(&batch->block, FACT_BLOCK_BYTES + ROW_MAX);
    return batch;
}

void fact_batch_free(struct fact_batch *batch)
{
    if (batch == NULL)
        return;
    rowbinary_done(&batch->writer);
    rowbinary_done(&batch->rows);
    rowbinary_done(&batch->block);
    free(batch->places);
    free(batch);
}

/* --- rows ------------------------------------------------------------------------------------- */

struct fact_row *fact_batch_begin(struct fact_batch *batch, enum fact fact)
{
    fact_row_begin(&batch->row, &fact_tables[fact], &batch->writer);
    return &batch->row;
}

struct rowbinary_writer *fact_batch_writer(struct fact_batch *batch)
{
    return &batch->writer;
}

static bool has_place(struct fact_batch *batch)
{
    if (batch->count < batch->cap)
        return true;
    const size_t cap = 2 * batch->cap + PLACES_MORE;
    struct place *places = realloc(batch->places, cap * sizeof *places);
    if (places == NULL)
        return false;
    batch->places = places;
    batch->cap = cap;
    return true;
}

bool fact_batch_add(struct fact_batch *batch, const struct fact_row *row)
{
    const size_t at = batch->rows.len;
    rowbinary_bytes(&batch->rows, batch->writer.bytes, batch->writer.len);
    if (batch->rows.is_failed || !has_place(batch))
        return false;
    batch->places[batch->count++] =
        (struct place){.partition = fact_row_partition(row),
                       .at = (uint32_t)at,
                       .len = (uint32_t)batch->writer.len,
                       .fact = (uint16_t)(row->table - fact_tables),
                       .shard = (uint16_t)fact_row_shard(row, batch->shards)};
    return true;
}

bool fact_batch_end(struct fact_batch *batch, int64_t stamp_ms)
{
    return fact_row_end(&batch->row, stamp_ms) && fact_batch_add(batch, &batch->row);
}

void fact_batch_mark(struct fact_batch *batch)
{
    batch->marked_count = batch->count;
    batch->marked_len = batch->rows.len;
}

void fact_batch_undo(struct fact_batch *batch)
{
    batch->count = batch->marked_count;
    batch->rows.len = batch->marked_len;
    batch->rows.is_failed = false;
}

void fact_batch_clear(struct fact_batch *batch)
{
    batch->count = 0;
    batch->next = 0;
    rowbinary_clear(&batch->rows);
    fact_batch_mark(batch);
}

size_t fact_batch_rows(const struct fact_batch *batch)
{
    return batch->count;
}

/* --- blocks ----------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->fact != y->fact)
        return x->fact < y->fact ? -1 : 1;
    if (x->shard != y->shard)
        return x->shard < y->shard ? -1 : 1;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

void fact_batch_sort(struct fact_batch *batch)
{
    if (batch->count > 1)
        qsort(batch->places, batch->count, sizeof *batch->places, compare);
    batch->next = 0;
}

/* I1. */
static bool fits(const struct fact_batch *batch, const struct fact_block *block,
                 const struct place *first, const struct place *last, const struct place *place,
                 size_t *partitions)
{
    if (place->fact != first->fact || place->shard != first->shard ||
        block->rows == FACT_BLOCK_ROWS || batch->block.len + place->len > FACT_BLOCK_BYTES)
        return false;
    *partitions += place->partition != last->partition;
    return *partitions <= FACT_BLOCK_PARTITIONS;
}

bool fact_batch_next(struct fact_batch *batch, struct fact_block *out, bool *out_failed)
{
    size_t partitions = 1;
    *out_failed = false;
    if (batch->next == batch->count)
        return false;
    const struct place *first = &batch->places[batch->next];
    const struct place *last = first;
    *out = (struct fact_block){.fact = (enum fact)first->fact, .shard = first->shard};
    rowbinary_clear(&batch->block);
    while (batch->next < batch->count) {
        const struct place *place = &batch->places[batch->next];
        if (place != first && !fits(batch, out, first, last, place, &partitions))
            break;
        rowbinary_bytes(&batch->block, batch->rows.bytes + place->at, place->len);
        out->rows++;
        last = place;
        batch->next++;
    }
    out->bytes = batch->block.bytes;
    out->len = batch->block.len;
    *out_failed = batch->block.is_failed;
    return !*out_failed;
}
