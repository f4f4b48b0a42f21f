/* SPDX-License-Identifier: MIT
 *
 * shard_list - the rows of a statement, of all shards, as a list in one order.
 *
 * How many there are is the statement's matter (LIMIT, of each shard) and the answer's
 * (SHARDS_ANSWER_MAX). Threads: the asking's. Ownership: who has the list frees `all`, whatever
 * came of it. */
#pragma once

#include "cmd/server/shards/shard_asking.h"
#include "common/clickhouse/rowbinary.h"

struct shard_ids;

struct shard_list {
    void *all; /* owned; entries of the kind's size */
    size_t count, cap;
};

struct shard_list_kind {
    size_t size; /* of an entry */
    /* False = no memory; then the question has failed, and the entry is none. */
    bool (*read)(void *entry, struct rowbinary_reader *row, struct shard_ids *ids);
    int (*order)(const void *a, const void *b); /* as qsort's */
};

/* In place of what the list held; the statement is done with. False = the question has failed, and
 * the entries that are there do not count. */
NODISCARD bool shard_list_ask(struct shard_list *list, const struct shard_list_kind *kind,
                              struct asking *asking, struct sql *sql);

/* For a read that keeps its row's texts in one block: the text with a 0 behind it, copied to *at,
 * which moves on. */
const char *shard_list_keep(char **at, struct rowbinary_text text);
