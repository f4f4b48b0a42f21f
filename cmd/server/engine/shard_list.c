/* SPDX-License-Identifier: MIT */
#include "cmd/server/engine/shard_list.h"

#include "cmd/server/model/asking.h"
#include "cmd/server/model/grow.h"

#include <stdlib.h>
#include <string.h>

/* False = no memory. */
static bool add(struct shard_list *list, const struct shard_list_kind *kind,
                struct rowbinary_reader *row, struct shard_ids *ids)
{
    char *longer = grow(list->all, list->count, &list->cap, kind->size);
    if (longer == NULL)
        return false;
    list->all = longer;
    if (!kind->read(longer + list->count * kind->size, row, ids))
        return false;
    list->count++;
    return true;
}

bool shard_list_ask(struct shard_list *list, const struct shard_list_kind *kind,
                    struct asking *asking, struct sql *sql)
{
    struct shard_ids *ids = shards_ids(asking->model->shards);
    list->count = 0;
    if (!shard_asking_ask(asking, sql))
        return false;
    struct shard_rows rows = shard_rows(asking->shards->question);
    while (shard_rows_next(&rows) && add(list, kind, &rows.row, ids))
        continue;
    if (list->count > 0)
        qsort(list->all, list->count, kind->size, kind->order);
    return shard_rows_end(&rows);
}

const char *shard_list_keep(char **at, struct rowbinary_text text)
{
    char *kept = *at;
    if (text.len > 0)
        memcpy(kept, text.bytes, text.len);
    kept[text.len] = '\0';
    *at += text.len + 1;
    return kept;
}
