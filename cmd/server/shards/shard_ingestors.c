/* SPDX-License-Identifier: MIT */
#include "cmd/server/shards/shard_ingestors.h"

#include "cmd/server/shards/shard_question.h"

#include <stdio.h>
#include <string.h>

#define LOOK_BUDGET_US ((mono_us)2 * US_PER_S)
#define LOOK_TRY_MS    1000

/* The newest, and one more, which tells that there are more. */
static const char SQL_INGESTORS[] =
    "SELECT argMax(name, ver), max(at_ms) AS at, argMax(stats, ver) FROM ingestors GROUP BY id"
    " ORDER BY at DESC LIMIT 33 FORMAT RowBinary";

_Static_assert(CONFIG_INGESTORS_MAX + 1 == 33, "as the statement says");

static const struct ingestor_row *former_of(const struct ingestors *before, const char *name)
{
    for (size_t i = 0; before != NULL && i < before->count; i++) {
        if (strcmp(before->all[i].name, name) == 0)
            return &before->all[i];
    }
    return NULL;
}

/* False = no memory. */
static bool read_row(struct ingestors *all, const struct ingestors *before,
                     struct rowbinary_reader *from)
{
    const struct rowbinary_text name = rowbinary_read_string(from);
    const int64_t at_ms = rowbinary_read_i64(from);
    const struct rowbinary_text stats = rowbinary_read_string(from);
    if (all->count == INGESTORS_MAX) {
        all->is_cut = true;
        return true;
    }
    struct ingestor_row *row = &all->all[all->count++];
    (void)snprintf(row->name, sizeof row->name, "%.*s", (int)name.len, name.bytes);
    const struct ingestor_row *former = former_of(before, row->name);
    if (former != NULL)
        *row = *former;
    else
        row->seen_at = all->read_at;
    if (former != NULL && at_ms == former->at_ms)
        return true;
    row->moved_at = former != NULL ? all->read_at : 0;
    row->at_ms = at_ms;
    return ingestor_judge(row, stats.bytes, stats.len);
}

static bool read_all(struct ingestors *all, const struct ingestors *before,
                     struct shard_question *question)
{
    const char *sqls[CONFIG_SHARDS_MAX] = {SQL_INGESTORS};
    if (!shard_ask_each(question, sqls) || shard_is_missing(question, 0))
        return false;
    struct shard_rows rows = shard_rows(question);
    while (shard_rows_next(&rows)) {
        if (!read_row(all, before, &rows.row))
            return false;
    }
    return shard_rows_end(&rows);
}

void shard_ingestors_look(struct shards *shards, struct shared_slot *slot)
{
    struct shared *former = shared_take(slot);
    const struct ingestors *before = (const struct ingestors *)(const void *)former;
    struct ingestors *all = ingestors_new();
    struct shard_question *question = shard_question_begin(shards, LOOK_BUDGET_US, LOOK_TRY_MS);
    if (all != NULL && question != NULL) {
        all->read_at = clock_mono();
        if (before != NULL)
            all->back_at = all->read_at - before->read_at < INGESTORS_UNREAD_US ? before->back_at
                                                                                : all->read_at;
    }
    if (all != NULL && question != NULL && read_all(all, before, question))
        shared_put(slot, &all->shared);
    else if (all != NULL)
        shared_unref(&all->shared);
    shard_question_end(question);
    shared_unref(former);
}
