/* SPDX-License-Identifier: MIT */
#include "cmd/ingestor/store/store_types.h"

#include "common/db/schema.h"

/* Types and blocks with pending counts; more are written before the commit. */
#define PENDING_MAX 4096

struct store_types {
    struct statement add;
    struct deltas blocks; /* id: the type, from 1 on; part: the block */
};

static const struct store_types blank = {
    .add = SQL("INSERT INTO type_blocks (type, block, n) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE"
               " SET n = n + ?3"),
};

enum status store_types_open(struct store *store, struct err *err)
{
    store->types = connection_part(&store->connection, &blank, sizeof blank,
                                   STATEMENTS_BEFORE(struct store_types, blocks), err);
    if (store->types == NULL)
        return err->status;
    if (!deltas_init(&store->types->blocks, PENDING_MAX))
        return err_set(err, STATUS_NO_MEMORY, 0, NULL, "no memory for types");
    return STATUS_OK;
}

void store_types_close(struct store *store)
{
    if (store->types != NULL)
        deltas_done(&store->types->blocks);
}

void store_types_clear(struct store *store)
{
    deltas_clear(&store->types->blocks);
}

void store_types_note(struct store *store, unsigned type, int64_t transmission_id)
{
    const bool is_added = deltas_add(&store->types->blocks,
                                     &(struct delta){.id = (int64_t)type + 1,
                                                     .part = transmission_id >> SCHEMA_BLOCK_BITS,
                                                     .count = 1});
    assert(is_added); /* store_types_make_room */
    (void)is_added;
}

enum status store_types_write(struct store *store)
{
    size_t count = 0;
    const struct delta *rows = deltas_sorted(&store->types->blocks, &count);
    for (size_t i = 0; i < count; i++) {
        bind_int(&store->types->add, 1, rows[i].id - 1);
        bind_int(&store->types->add, 2, rows[i].part);
        bind_int(&store->types->add, 3, rows[i].count);
        const enum status status = statement_run(&store->types->add);
        if (status != STATUS_OK)
            return status;
    }
    store_types_clear(store);
    return STATUS_OK;
}

enum status store_types_make_room(struct store *store)
{
    return deltas_room(&store->types->blocks) > 0 ? STATUS_OK : store_types_write(store);
}
